#include "advspur/hyperplane.h"

#include <vector>

#include "core/hyperplane.h"
#include "core/macros.h"
#include "cpu/chunks.h"

namespace advspur::cpu {
namespace {

// ---- the sums of one chunk

template <Norm kNorm>
struct TermClimb {
  const float *x, *w;
  bool negative;
  double s;
  ADVSPUR_HD void operator()(int64_t i, double* out) const {
    const Reach r = reach_of(x[i], w[i], negative);
    const double size = r.size, room = r.room, rate = kNorm == Norm::kL2 ? size : 1.0;
    const bool held = room <= s * rate;
    out[0] = held ? size * room : 0.0;
    out[1] = held ? 0.0 : size * rate;
  }
};

template <Norm kNorm>
struct TermLength {
  const float *x, *w;
  Decision d;
  ADVSPUR_HD void operator()(int64_t i, double* out) const {
    out[0] = length_term<kNorm>(move_of<kNorm>(d, x[i], w[i]));
  }
};

struct TermDot {
  const float *x, *x0, *w;
  ADVSPUR_HD void operator()(int64_t i, double* out) const {
    const float w_i = finite_or_zero(w[i]);
    out[0] = static_cast<double>(w_i) * (static_cast<double>(x[i]) - static_cast<double>(x0[i]));
    out[1] = size_bits(w_i) != 0u ? 1.0 : 0.0;
  }
};

// Clones cannot be templates: each norm is spelled out.
#define ADVSPUR_FOR_NORM(name, kNorm)                                                                      \
  ADVSPUR_CLONES void climb_##name(const float* x, const float* w, int64_t count, bool negative, double s, \
                                   double* out) {                                                          \
    sum_chunk<2>(count, TermClimb<kNorm>{x, w, negative, s}, out);                                         \
  }                                                                                                        \
  ADVSPUR_CLONES void length_##name(const float* x, const float* w, int64_t count, Decision d,             \
                                    double* out) {                                                         \
    sum_chunk<1>(count, TermLength<kNorm>{x, w, d}, out);                                                  \
  }                                                                                                        \
  ADVSPUR_CLONES void write_##name(float* __restrict out, const float* __restrict x,                       \
                                   const float* __restrict w, int64_t count, Decision d) {                 \
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(move_of<kNorm>(d, x[i], w[i]));        \
  }                                                                                                        \
  ADVSPUR_CLONES void mix_##name(float* x, const float* back, const float* x0, const float* w,             \
                                 int64_t count, Decision here, Decision clean, double eta, double alpha) { \
    for (int64_t i = 0; i < count; ++i) {                                                                  \
      const double d = move_of<kNorm>(here, back[i], w[i]), d0 = move_of<kNorm>(clean, x0[i], w[i]);       \
      x[i] = mix(back[i], x0[i], d, d0, eta, alpha);                                                       \
    }                                                                                                      \
  }
ADVSPUR_FOR_NORM(linf, Norm::kLinf)
ADVSPUR_FOR_NORM(l2, Norm::kL2)
ADVSPUR_FOR_NORM(l1, Norm::kL1)
#undef ADVSPUR_FOR_NORM

ADVSPUR_CLONES void dot_chunk(const float* x, const float* x0, const float* w, int64_t count, double* out) {
  sum_chunk<2>(count, TermDot{x, x0, w}, out);
}

ADVSPUR_CLONES double most_gain(const float* x, const float* w, int64_t n, bool negative) {
  double most[kLanes] = {};
  for_lanes(n, [&](int64_t i, int l) ADVSPUR_INLINE {
    const Reach r = reach_of(x[i], w[i], negative);
    const double gain = static_cast<double>(r.size) * static_cast<double>(r.room);
    most[l] = gain > most[l] ? gain : most[l];
  });
  double top = 0.0;
  for (int l = 0; l < kLanes; ++l) top = most[l] > top ? most[l] : top;
  return top;
}

ADVSPUR_CLONES void pull_chunk(float* back, const float* x, const float* x0, int64_t count, double pull) {
  for (int64_t i = 0; i < count; ++i) back[i] = pulled(x[i], x0[i], pull);
}

// ---- one sample, one thread

void decide_edge(Decision& d, const float* x, const float* w, int64_t n, double need) {
  d.edge = 0;  // everything with a size, unless less will do
  const double unit = integer_unit(most_gain(x, w, n, d.negative), n);
  if (!(unit > 0.0) || !(need * unit < 0x1p62)) return;
  const uint64_t wanted = static_cast<uint64_t>(need * unit);
  Edge edge;
  for (int round = 0; round < kPlaneRounds; ++round) {
    uint64_t sums[kPlaneBins] = {};
    const int shift = plane_shift(round), bits = plane_bits(round);
    for (int64_t i = 0; i < n; ++i) {
      const Reach r = reach_of(x[i], w[i], d.negative);
      const uint32_t key = to_bits(r.size);
      if (key >> (shift + bits) == edge.prefix) {
        sums[key >> shift & ((1u << bits) - 1u)] += to_integer(r.size, r.room, unit);
      }
    }
    narrow_edge(edge, round, sums, wanted);
  }
  d.edge = edge.prefix;
  d.share = edge.share;
}

Decision decide(Norm norm, const float* x, const float* w, int64_t n, double gap) {
  Decision d;
  if (!(std::fabs(gap) > 0.0) || !std::isfinite(gap)) return d;
  d.negative = gap < 0.0;
  const double need = std::fabs(gap);
  if (norm == Norm::kL1) {
    decide_edge(d, x, w, n, need);
    return d;
  }
  d.s = climb(need, [&](double s) {
    double total[2];
    sample_sums<2>(
        n,
        [&](int64_t start, int64_t count, double* out) {
          (norm == Norm::kLinf ? climb_linf : climb_l2)(x + start, w + start, count, d.negative, s, out);
        },
        total);
    return Climb{total[0], total[1]};
  });
  return d;
}

double length_of(Norm norm, const Decision& d, const float* x, const float* w, int64_t n) {
  if (norm == Norm::kLinf) return d.s < 1.0 ? d.s : 1.0;
  double total;
  sample_sums<1>(
      n,
      [&](int64_t start, int64_t count, double* out) {
        (norm == Norm::kL2 ? length_l2 : length_l1)(x + start, w + start, count, d, out);
      },
      &total);
  return norm == Norm::kL2 ? std::sqrt(total) : total;
}

// w with zeros where the mask forbids to move, and x put back to x0 there.
const float* masked(const FabStep& s, int64_t sample, float* x, std::vector<float>& room) {
  const int64_t n = s.batch.n;
  const float *w = s.w + sample * n, *x0 = s.x0 + sample * n;
  if (s.mask.data == nullptr) return w;
  room.resize(static_cast<size_t>(n));
  for (int64_t chunk = 0; chunk < chunks_of(n); ++chunk) {
    uint8_t tile[kChunk];
    const uint8_t* mask = mask_of_chunk(s.mask, n, sample, chunk, tile);
    const int64_t start = chunk * kChunk;
    for (int64_t i = 0; i < chunk_size(n, chunk); ++i) {
      room[start + i] = mask[i] ? w[start + i] : 0.0f;
      x[start + i] = mask[i] ? x[start + i] : x0[start + i];
    }
  }
  return room.data();
}

void fab_sample(const FabStep& s, int64_t sample, std::vector<float>& room, std::vector<float>& back) {
  const int64_t n = s.batch.n;
  float* x = s.x + sample * n;
  const float* x0 = s.x0 + sample * n;
  const float* w = masked(s, sample, x, room);
  double sums[2];
  sample_sums<2>(
      n,
      [&](int64_t start, int64_t count, double* out) {
        dot_chunk(x + start, x0 + start, w + start, count, out);
      },
      sums);
  const double value = s.value[sample], pull = s.pull[sample];
  s.moved[sample] = sums[1] > 0.0 && std::isfinite(value);
  if (!s.moved[sample]) return;
  const float* from = x;
  if (pull != 1.0) {
    back.resize(static_cast<size_t>(n));
    pull_chunk(back.data(), x, x0, n, pull);
    from = back.data();
  }
  const Decision here = decide(s.norm, from, w, n, -(value - (1.0 - pull) * sums[0]));
  const Decision clean = decide(s.norm, x0, w, n, -(value - sums[0]));
  const double alpha =
      alpha_of(length_of(s.norm, here, from, w, n), length_of(s.norm, clean, x0, w, n), s.alpha_max);
  const auto mix_all = s.norm == Norm::kLinf ? mix_linf : s.norm == Norm::kL2 ? mix_l2 : mix_l1;
  mix_all(x, from, x0, w, n, here, clean, s.eta, alpha);
}

}  // namespace

void to_plane(const Plane& p, int threads) {
  const int64_t n = p.batch.n;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
  for (int64_t i = 0; i < p.batch.samples; ++i) {
    const float *x = p.x + i * n, *w = p.w + i * n;
    const auto write = p.norm == Norm::kLinf ? write_linf : p.norm == Norm::kL2 ? write_l2 : write_l1;
    write(p.d + i * n, x, w, n, decide(p.norm, x, w, n, p.gap[i]));
  }
}

void fab_step(const FabStep& s, int threads) {
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    std::vector<float> room, back;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < s.batch.samples; ++i) fab_sample(s, i, room, back);
  }
}

}  // namespace advspur::cpu
