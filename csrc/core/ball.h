// What happens to one element, and the few numbers of a sample that decide it. Written once for host and
// device.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/macros.h"

namespace advspur {

ADVSPUR_HD uint32_t to_bits(float x) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(x);
#else
  return __builtin_bit_cast(uint32_t, x);  // memcpy from an array element would keep loops scalar
#endif
}

ADVSPUR_HD float from_bits(uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  return __builtin_bit_cast(float, bits);
#endif
}

// Written so that NaN stays NaN.
ADVSPUR_HD float clamp(float x, float low, float high) {
  x = x > high ? high : x;
  return x < low ? low : x;
}

// Selections are written as bit masks where a compiler would otherwise make branches of them and keep a loop
// scalar.
ADVSPUR_HD uint32_t mask_if(bool condition) {
  return 0u - static_cast<uint32_t>(condition);
}

ADVSPUR_HD uint32_t size_bits(float x) {
  return to_bits(x) & 0x7FFFFFFFu;
}

ADVSPUR_HD float absolute(float x) {
  return from_bits(size_bits(x));
}

ADVSPUR_HD uint32_t finite_mask(float x) {
  return mask_if(size_bits(x) < 0x7F800000u);
}

ADVSPUR_HD float finite_or_zero(float g) {
  return from_bits(to_bits(g) & finite_mask(g));
}

// ---- linf

// Rounding x0 +- eps may leave the ball by half a unit in the last place of x0, which for small radii is more
// than a checker forgives: such a bound moves one place inwards. Both bounds are >= 0, so their bits count
// places.
ADVSPUR_HD float low_linf(float x0, float eps) {
  const int32_t bits = static_cast<int32_t>(to_bits(x0 - eps));
  const float low = from_bits(static_cast<uint32_t>(bits & ~(bits >> 31)));  // 0 if negative
  return from_bits(to_bits(low) + static_cast<uint32_t>(x0 - low > eps));
}

ADVSPUR_HD float high_linf(float x0, float eps) {
  const uint32_t bits = to_bits(x0 + eps), one = 0x3F800000u;
  const float high = from_bits(bits < one ? bits : one);
  return from_bits(to_bits(high) - static_cast<uint32_t>(high - x0 > eps));
}

// step >= 0 with the sign of g; 0 where g is 0 or not finite.
ADVSPUR_HD float signed_step(float g, float step) {
  const uint32_t moves = mask_if(size_bits(g) != 0u) & finite_mask(g);
  return from_bits((to_bits(step) | (to_bits(g) & 0x80000000u)) & moves);
}

ADVSPUR_HD float step_linf(float x, float x0, float g, float eps, float step) {
  const float there = x + signed_step(g, step);
  return clamp(there, low_linf(x0, eps), high_linf(x0, eps));
}

// ---- l2

// Factor that brings a vector of squared length dd into the ball, at most 1.
ADVSPUR_HD float shrink_l2(double dd, double eps) {
  return dd > eps * eps ? static_cast<float>(eps / std::sqrt(dd)) : 1.0f;
}

// x + g * scale1 * scale2 is the step; shrink (<= 0) pulls the result back towards x0.
struct PlanL2 {
  float scale1, scale2, shrink;
  bool moves;
};

// From gg = |g|^2, gd = <g, d>, dd = |d|^2 with d = x - x0, all in double: squares of floats neither overflow
// nor vanish there, so the gradient needs no scaling by its maximum and its norm no floor. The length after
// the step is known before the step is made; where rounding could spoil it, it is far below eps and nothing
// depends on it.
ADVSPUR_HD PlanL2 plan_l2(double gg, double gd, double dd, double eps, double step) {
  if (!(gg > 0.0)) return {0.0f, 0.0f, 0.0f, false};
  const double scale = step / std::sqrt(gg);
  const double length2 = dd + 2.0 * scale * gd + step * step;
  const double shrink = length2 > eps * eps ? eps / std::sqrt(length2) - 1.0 : 0.0;
  // scale may lie outside the floats (|g| down to 1e-45, up to 1e41): half of its exponent goes first.
  int exponent = 0;
  std::frexp(scale, &exponent);
  const double first = std::ldexp(1.0, exponent / 2);
  return {static_cast<float>(first), static_cast<float>(scale / first), static_cast<float>(shrink), true};
}

ADVSPUR_HD float step_l2(float x, float x0, float g, PlanL2 p) {
  const float there = x + g * p.scale1 * p.scale2;
  return clamp(there + p.shrink * (there - x0), 0.0f, 1.0f);
}

// ---- l1

// How far an element may go in the direction of its sign.
ADVSPUR_HD float room_of(float v, float x0) {
  return v > 0.0f ? 1.0f - x0 : x0;
}

ADVSPUR_HD double soft(double size, double t, double room) {
  const double left = size - t;
  const double held = left < room ? left : room;
  return held > 0.0 ? held : 0.0;
}

struct Level {
  double sum;    // sum of |u_i(t)|
  double slope;  // number of elements strictly between 0 and their room: -d sum / d t
};

// |v| - t, held between 0 and room; inside: strictly between them.
struct Soft {
  float value;
  uint32_t inside;  // 0 or 1
};
ADVSPUR_HD Soft soft_of(float size, float room, float t) {
  const float left = size - t;
  const float held = left < room ? left : room;
  return {held > 0.0f ? held : 0.0f, static_cast<uint32_t>((left > 0.0f) & (left < room))};
}

// The t >= 0 at which the decreasing, piecewise linear sum of soft(|v_i|, t, room_i) comes down to eps; 0 if
// it starts below. Newton steps from `guess`, bracketed; a step that leaves the bracket or does not halve the
// error is followed by a bisection. The sums are only taken at floats, where a sample's elements need no
// double arithmetic; from the float next to the root the last step, exact inside its piece, goes in double.
// top: a float at which the sum is 0. level: float t -> Level.
template <class F>
ADVSPUR_HD double find_threshold(double eps, float top, double guess, const F& level) {
  double low = -1.0, high = top;  // low < 0: the sum at 0 is not known yet
  double t = guess < high ? static_cast<double>(static_cast<float>(guess)) : 0.0;
  double last_error = HUGE_VAL;
  for (int i = 0; i < 200; ++i) {
    const Level now = level(static_cast<float>(t));
    const double error = now.sum - eps, size = std::fabs(error);
    if (error > 0.0) {
      low = t;
    } else {
      high = t;
      if (!(t > 0.0)) return 0.0;
    }
    const double root = now.slope > 0.0 ? t + error / now.slope : t;
    double next = static_cast<double>(static_cast<float>(root));
    if (now.slope > 0.0 && (next == t || size <= 1e-9 * eps)) return root > low ? root : low;
    if (low < 0.0 && now.slope > 0.0 && !(root > 0.0)) {
      next = 0.0;
    } else if (!(next > low && next < high) || size > 0.5 * last_error) {
      const double floor = low < 0.0 ? 0.0 : low;
      next = static_cast<double>(static_cast<float>(floor + 0.5 * (high - floor)));
      const bool at_zero = next == 0.0 && low < 0.0;  // not looked at yet
      if (!at_zero && !(next > floor && next < high)) return root > low && root < high ? root : high;
    }
    last_error = size;
    t = next;
  }
  return high;
}

// Large samples start from the threshold of a sixteenth of their elements, runs of 64 spread evenly: it is
// off by a percent or so, and saves most of the passes over the whole.
constexpr int64_t kRun = 64, kRunEvery = 1024, kProbeFrom = 16384;

ADVSPUR_HD int64_t probe_size(int64_t n) {
  return n < kProbeFrom ? 0 : n / kRunEvery * kRun;
}

ADVSPUR_HD int64_t probe_index(int64_t i) {
  return i / kRun * kRunEvery + i % kRun;
}

// A threshold moved up, by as little as it takes, until the sum of what is really stored is at most eps.
// rounded: t -> Level of the rounded result. Rounding errors are random, so one try is usually enough; where
// a unit in the last place is large beside eps the sum moves in jumps, hence ever larger tries.
template <class F>
ADVSPUR_HD double tighten_threshold(double t, double eps, const F& rounded) {
  double push = 1.0;
  for (int i = 0; i < 16; ++i, push *= 2.0) {
    const Level now = rounded(t);
    const double excess = now.sum - eps;
    if (!(excess > 4e-7 * eps) || !(now.slope > 0.0)) break;
    t += push * excess / now.slope;
  }
  return t;
}

}  // namespace advspur
