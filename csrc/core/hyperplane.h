// What decides how one sample reaches a hyperplane, and what that means for one element. Host and device.
#pragma once

#include <cmath>
#include <cstdint>

#include "advspur/ball.h"
#include "core/ball.h"
#include "core/climb.h"

namespace advspur {

// l1: sums of size * room as integers, exact in any order. `unit` turns a gain into an integer such that the
// sum of n of them stays below 2^62.
ADVSPUR_HD double integer_unit(double most, int64_t n) {
  int bits = 0;
  while ((int64_t{1} << bits) <= n) ++bits;
  return most > 0.0 ? std::ldexp(1.0, 61 - bits) / most : 0.0;
}
ADVSPUR_HD uint64_t to_integer(float size, float room, double unit) {
  return static_cast<uint64_t>(static_cast<double>(size) * static_cast<double>(room) * unit);
}

// The digits of a size, from the most significant: 1024, 1024 and 2048 values of its bits (the sign is 0).
constexpr int kPlaneRounds = 3, kPlaneBins = 2048;
ADVSPUR_HD int plane_shift(int round) {
  return round == 0 ? 21 : round == 1 ? 11 : 0;
}
ADVSPUR_HD int plane_bits(int round) {
  return round == 2 ? 11 : 10;
}

// The search for the size at which the gains of all larger ones come short and its own suffice.
struct Edge {
  uint32_t prefix = 0;  // its leading digits, in the end all bits of the size
  uint64_t above = 0;   // gains of the larger sizes
  double share = 0.0;   // of their room, for the elements of this very size
};

// One round: sums are those of the elements whose leading digits are `prefix`, by their next digit.
ADVSPUR_HD void narrow_edge(Edge& edge, int round, const uint64_t* sums, uint64_t need) {
  int bin = (1 << plane_bits(round)) - 1;
  while (bin > 0 && edge.above + sums[bin] < need) edge.above += sums[bin--];
  edge.prefix = edge.prefix << plane_bits(round) | static_cast<uint32_t>(bin);
  if (round == kPlaneRounds - 1 && edge.prefix != 0) {  // 0: even all sizes come short, and 0 gains nothing
    const double left = need > edge.above ? static_cast<double>(need - edge.above) : 0.0, sum = sums[bin];
    edge.share = left < sum ? left / sum : 1.0;
  }
}

// What decides a sample: s (linf: how far; l2: a multiple of the size), or the edge (l1). As it stands here:
// nobody moves.
struct Decision {
  double s = 0.0;
  double share = 0.0;
  uint32_t edge = 0xFFFFFFFFu;
  bool negative = false;
};

template <Norm kNorm>
ADVSPUR_HD double move_of(const Decision& d, float x, float w) {
  const Reach r = reach_of(x, w, d.negative);
  const double room = r.room;
  double go;
  if constexpr (kNorm == Norm::kL1) {
    const uint32_t bits = to_bits(r.size);
    go = room * (bits > d.edge ? 1.0 : bits == d.edge ? d.share : 0.0);
  } else {
    const double want = kNorm == Norm::kL2 ? d.s * r.size : r.size > 0.0f ? d.s : 0.0;
    go = want < room ? want : room;
  }
  return r.down != 0u ? -go : go;
}

// One term of |d|: its absolute value (l1) or its square (l2). linf needs no pass: no element goes further
// than s, nor than 1.
template <Norm kNorm>
ADVSPUR_HD double length_term(double d) {
  return kNorm == Norm::kL2 ? d * d : std::fabs(d);
}

ADVSPUR_HD double alpha_of(double a, double a0, double alpha_max) {
  const double alpha = a + a0 > 0.0 ? a / (a + a0) : 0.0;
  return alpha < alpha_max ? alpha : alpha_max;
}

ADVSPUR_HD float pulled(float x, float x0, double pull) {
  return static_cast<float>(static_cast<double>(x0) +
                            pull * (static_cast<double>(x) - static_cast<double>(x0)));
}

ADVSPUR_HD float mix(float back, float x0, double d, double d0, double eta, double alpha) {
  const double there = back + eta * d, there0 = x0 + eta * d0;
  return clamp(static_cast<float>(there + alpha * (there0 - there)), 0.0f, 1.0f);
}

}  // namespace advspur
