#include "advspur/apgd.h"

#include <cstring>
#include <vector>

#include "advspur/step.h"
#include "core/apgd.h"
#include "cpu/chunks.h"
#include "cpu/step_l1.h"

namespace advspur::cpu {
namespace {

// A chunk of one sample. from, grad: where the step starts and its gradient; they may be `best` and
// `best_grad`, or x and the new gradient. mask null: all may change.
struct Chunk {
  const float *from, *grad, *x0;
  float *x, *old;
  const uint8_t* mask;
  int64_t count;
};

ADVSPUR_HD uint32_t may_change(const uint8_t* mask, int64_t i) {
  return mask == nullptr ? ~0u : mask_if(mask[i] != 0);
}

ADVSPUR_HD float pick(uint32_t may, float there, float stays) {
  return from_bits((to_bits(there) & may) | (to_bits(stays) & ~may));
}

template <bool kMasked>
ADVSPUR_HD bool linf_loop(const Chunk& c, float eps, float size, float share) {
  uint32_t seen[kLanes] = {};
  const float rest = 1.0f - share;
  const float *from = c.from, *grad = c.grad, *x0 = c.x0;
  float *x = c.x, *old = c.old;
  const uint8_t* mask = kMasked ? c.mask : nullptr;
  for_lanes(c.count, [&](int64_t i, int l) ADVSPUR_INLINE {
    const uint32_t may = may_change(mask, i);
    const float here = from[i], g = grad[i];
    seen[l] |= size_bits(g) & finite_mask(g) & may;
    const float there = move_linf(here, old[i], x0[i], g, eps, size, share, rest);
    old[i] = here;
    x[i] = pick(may, there, x0[i]);
  });
  uint32_t any = 0;
  for (int l = 0; l < kLanes; ++l) any |= seen[l];
  return any != 0;
}
ADVSPUR_CLONES bool linf_chunk(const Chunk& c, float eps, float size, float share) {
  return linf_loop<false>(c, eps, size, share);
}
ADVSPUR_CLONES bool linf_chunk_masked(const Chunk& c, float eps, float size, float share) {
  return linf_loop<true>(c, eps, size, share);
}

// ---- l2: sums for the step, the mixed point and its length, the move

struct TermStep {
  const float *from, *x0, *g;
  const uint8_t* mask;
  ADVSPUR_HD void operator()(int64_t i, double* out) const {
    const uint32_t may = may_change(mask, i);
    const double g_i = from_bits(to_bits(finite_or_zero(g[i])) & may);
    const double d_i = from_bits(to_bits(from[i] - x0[i]) & may);
    out[0] = g_i * g_i;
    out[1] = g_i * d_i;
    out[2] = d_i * d_i;
  }
};
ADVSPUR_CLONES void l2_sums(const Chunk& c, double* out) {
  sum_chunk<3>(c.count, TermStep{c.from, c.x0, c.grad, nullptr}, out);
}
ADVSPUR_CLONES void l2_sums_masked(const Chunk& c, double* out) {
  sum_chunk<3>(c.count, TermStep{c.from, c.x0, c.grad, c.mask}, out);
}

template <bool kMasked>
ADVSPUR_HD void l2_mix_loop(const Chunk& c, PlanL2 plan, float share) {
  const float rest = 1.0f - share;
  const float *from = c.from, *grad = c.grad, *x0 = c.x0;
  float *x = c.x, *old = c.old;
  const uint8_t* mask = kMasked ? c.mask : nullptr;
  for (int64_t i = 0; i < c.count; ++i) {
    const float here = from[i];
    const float y = plan.moves ? step_l2(here, x0[i], finite_or_zero(grad[i]), plan) : here;
    const float there = mix(here, y, old[i], share, rest);
    old[i] = here;
    x[i] = pick(may_change(mask, i), there, x0[i]);
  }
}
ADVSPUR_CLONES void l2_mix(const Chunk& c, PlanL2 plan, float share) {
  l2_mix_loop<false>(c, plan, share);
}
ADVSPUR_CLONES void l2_mix_masked(const Chunk& c, PlanL2 plan, float share) {
  l2_mix_loop<true>(c, plan, share);
}

struct TermLength {
  const float *x, *x0;
  ADVSPUR_HD void operator()(int64_t i, double* out) const {
    const double d = x[i] - x0[i];
    out[0] = d * d;
  }
};
ADVSPUR_CLONES void l2_length(const float* x, const float* x0, int64_t count, double* out) {
  sum_chunk<1>(count, TermLength{x, x0}, out);
}
ADVSPUR_CLONES void l2_shrink(float* __restrict x, const float* __restrict x0, int64_t count, float shrink) {
  for (int64_t i = 0; i < count; ++i) x[i] = clamp(x[i] + shrink * (x[i] - x0[i]), 0.0f, 1.0f);
}

ADVSPUR_CLONES int64_t count_moved(const float* x, const float* x0, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) count += x[i] != x0[i];
  return count;
}

// ---- one sample

template <class Work>
void for_sample_chunks(const Apgd& s, int64_t sample, bool again, const Work& work) {
  uint8_t tile[kChunk];
  const int64_t n = s.batch.n;
  for (int64_t chunk = 0; chunk < chunks_of(n); ++chunk) {
    const int64_t at = sample * n + chunk * kChunk;
    work(chunk, Chunk{(again ? s.best : s.x) + at, (again ? s.best_grad : s.grad) + at, s.x0 + at, s.x + at,
                      s.old + at, mask_of_chunk(s.mask, n, sample, chunk, tile), chunk_size(n, chunk)});
  }
}

void move_sample_linf(const Apgd& s, int64_t sample, bool again) {
  bool any = false;
  for_sample_chunks(s, sample, again, [&](int64_t, const Chunk& c) {
    any |= (c.mask ? linf_chunk_masked : linf_chunk)(c, s.eps[sample], s.size[sample], s.share);
  });
  s.moved[sample] = any;
}

void move_sample_l2(const Apgd& s, int64_t sample, bool again, std::vector<double>& sums) {
  const int64_t n = s.batch.n, chunks = chunks_of(n);
  sums.resize(static_cast<size_t>(3 * chunks));
  for_sample_chunks(s, sample, again, [&](int64_t chunk, const Chunk& c) {
    (c.mask ? l2_sums_masked : l2_sums)(c, &sums[static_cast<size_t>(3 * chunk)]);
  });
  double total[3];
  sum_chunks<3>(sums.data(), chunks, total);
  const PlanL2 plan = plan_l2(total[0], total[1], total[2], s.eps[sample], s.size[sample]);
  s.moved[sample] = plan.moves;
  for_sample_chunks(s, sample, again, [&](int64_t chunk, const Chunk& c) {
    (c.mask ? l2_mix_masked : l2_mix)(c, plan, s.share);
    l2_length(c.x, c.x0, c.count, &sums[static_cast<size_t>(chunk)]);
  });
  sum_chunks<1>(sums.data(), chunks, total);
  const float shrink = shrink_l2(total[0], s.eps[sample]) - 1.0f;
  l2_shrink(s.x + sample * n, s.x0 + sample * n, n, shrink);
}

void move_sample_l1(const Apgd& s, int64_t sample, bool again) {
  const int64_t n = s.batch.n, at = sample * n;
  if (again) std::memcpy(s.x + at, s.best + at, static_cast<size_t>(n) * sizeof(float));
  std::memcpy(s.old + at, s.x + at, static_cast<size_t>(n) * sizeof(float));
  step_l1_sample(
      {s.norm, s.x, s.x0, again ? s.best_grad : s.grad, s.eps, s.size, s.width, s.moved, s.mask, s.batch},
      sample);
}

void apgd_sample(const Apgd& s, int64_t sample, std::vector<double>& sums) {
  const int64_t n = s.batch.n, at = sample * n;
  if (note_loss(s, sample)) {
    std::memcpy(s.best + at, s.x + at, static_cast<size_t>(n) * sizeof(float));
    std::memcpy(s.best_grad + at, s.grad + at, static_cast<size_t>(n) * sizeof(float));
  }
  bool again = false;
  if (s.window > 0) {
    again = s.norm == Norm::kL1 ? check_step_l1(s, sample, count_moved(s.best + at, s.x0 + at, n))
                                : check_step(s, sample);
  }
  switch (s.norm) {
    case Norm::kLinf:
      return move_sample_linf(s, sample, again);
    case Norm::kL2:
      return move_sample_l2(s, sample, again, sums);
    case Norm::kL1:
      return move_sample_l1(s, sample, again);
  }
}

}  // namespace

void apgd(const Apgd& s, int threads) {
#pragma omp parallel num_threads(threads) if (s.batch.samples > 1 && threads > 1)
  {
    std::vector<double> sums;
#pragma omp for schedule(static)
    for (int64_t sample = 0; sample < s.batch.samples; ++sample) apgd_sample(s, sample, sums);
  }
}

}  // namespace advspur::cpu
