#include "advspur/step.h"

#include <algorithm>
#include <vector>

#include "core/ball.h"
#include "core/macros.h"
#include "cpu/chunks.h"
#include "cpu/step_l1.h"
#include "cpu/step_long.h"
#include "cpu/team.h"

namespace advspur::cpu {
namespace {

// ---- linf: one pass

bool any_of(const uint32_t* seen) {
  uint32_t any = 0;
  for (int l = 0; l < kLanes; ++l) any |= seen[l];
  return any != 0;
}

// Returns whether any element had a direction.
ADVSPUR_CLONES bool linf_chunk(float* __restrict x, const float* __restrict x0, const float* __restrict g,
                               int64_t count, float eps, float step) {
  uint32_t seen[kLanes] = {};
  for_lanes(count, [&](int64_t i, int l) ADVSPUR_INLINE {
    seen[l] |= size_bits(g[i]) & finite_mask(g[i]);
    x[i] = step_linf(x[i], x0[i], g[i], eps, step);
  });
  return any_of(seen);
}

ADVSPUR_CLONES bool linf_chunk_masked(float* __restrict x, const float* __restrict x0,
                                      const float* __restrict g, const uint8_t* __restrict mask,
                                      int64_t count, float eps, float step) {
  uint32_t seen[kLanes] = {};
  for_lanes(count, [&](int64_t i, int l) ADVSPUR_INLINE {
    const uint32_t may = mask_if(mask[i] != 0);
    seen[l] |= size_bits(g[i]) & finite_mask(g[i]) & may;
    const uint32_t there = to_bits(step_linf(x[i], x0[i], g[i], eps, step));
    x[i] = from_bits((there & may) | (to_bits(x0[i]) & ~may));
  });
  return any_of(seen);
}

void step_linf_batch(const Step& s, int threads) {
  std::fill(s.moved, s.moved + s.batch.samples, uint8_t{0});
  for_chunks(0, s.batch.samples, s.batch.n, threads, [&s](int64_t sample, int64_t chunk) {
    uint8_t tile[kChunk];
    const uint8_t* mask = mask_of_chunk(s.mask, s.batch.n, sample, chunk, tile);
    const int64_t at = sample * s.batch.n + chunk * kChunk, count = chunk_size(s.batch.n, chunk);
    const float eps = s.eps[sample], step = s.step_size[sample];
    const bool any = mask == nullptr
                         ? linf_chunk(s.x + at, s.x0 + at, s.grad + at, count, eps, step)
                         : linf_chunk_masked(s.x + at, s.x0 + at, s.grad + at, mask, count, eps, step);
    if (any) {
#pragma omp atomic write
      s.moved[sample] = 1;
    }
  });
}

// ---- l2: one pass for three sums, one to move

struct TermL2 {
  const float *x, *x0, *g;
  ADVSPUR_HD void operator()(int64_t i, double* out) const {
    const double g_i = finite_or_zero(g[i]);
    const double d_i = x[i] - x0[i];
    out[0] = g_i * g_i;
    out[1] = g_i * d_i;
    out[2] = d_i * d_i;
  }
};

struct TermL2Masked {
  const float *x, *x0, *g;
  const uint8_t* mask;
  ADVSPUR_HD void operator()(int64_t i, double* out) const {
    const uint32_t may = mask_if(mask[i] != 0);
    const double g_i = from_bits(to_bits(finite_or_zero(g[i])) & may);
    const double d_i = from_bits(to_bits(x[i] - x0[i]) & may);
    out[0] = g_i * g_i;
    out[1] = g_i * d_i;
    out[2] = d_i * d_i;
  }
};

ADVSPUR_CLONES void l2_sums(const float* x, const float* x0, const float* g, int64_t count, double* out) {
  sum_chunk<3>(count, TermL2{x, x0, g}, out);
}

ADVSPUR_CLONES void l2_sums_masked(const float* x, const float* x0, const float* g, const uint8_t* mask,
                                   int64_t count, double* out) {
  sum_chunk<3>(count, TermL2Masked{x, x0, g, mask}, out);
}

ADVSPUR_CLONES void l2_move(float* __restrict x, const float* __restrict x0, const float* __restrict g,
                            int64_t count, PlanL2 plan) {
  for (int64_t i = 0; i < count; ++i) x[i] = step_l2(x[i], x0[i], finite_or_zero(g[i]), plan);
}

ADVSPUR_CLONES void l2_move_masked(float* __restrict x, const float* __restrict x0, const float* __restrict g,
                                   const uint8_t* __restrict mask, int64_t count, PlanL2 plan) {
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t may = mask_if(mask[i] != 0),
                   there = to_bits(step_l2(x[i], x0[i], finite_or_zero(g[i]), plan));
    x[i] = from_bits((there & may) | (to_bits(x0[i]) & ~may));
  }
}

void l2_sums_of(const Step& s, int64_t sample, int64_t chunk, double* sums) {
  uint8_t tile[kChunk];
  const uint8_t* mask = mask_of_chunk(s.mask, s.batch.n, sample, chunk, tile);
  const int64_t at = sample * s.batch.n + chunk * kChunk, count = chunk_size(s.batch.n, chunk);
  if (mask == nullptr) {
    l2_sums(s.x + at, s.x0 + at, s.grad + at, count, sums + 3 * chunk);
  } else {
    l2_sums_masked(s.x + at, s.x0 + at, s.grad + at, mask, count, sums + 3 * chunk);
  }
}

PlanL2 l2_plan_of(const Step& s, int64_t sample, const double* sums) {
  double total[3];
  sum_chunks<3>(sums, chunks_of(s.batch.n), total);
  return plan_l2(total[0], total[1], total[2], s.eps[sample], s.step_size[sample]);
}

void l2_move_of(const Step& s, int64_t sample, int64_t chunk, const PlanL2& plan) {
  uint8_t tile[kChunk];
  const uint8_t* mask = mask_of_chunk(s.mask, s.batch.n, sample, chunk, tile);
  const int64_t at = sample * s.batch.n + chunk * kChunk, count = chunk_size(s.batch.n, chunk);
  if (mask == nullptr) {
    l2_move(s.x + at, s.x0 + at, s.grad + at, count, plan);
  } else {
    l2_move_masked(s.x + at, s.x0 + at, s.grad + at, mask, count, plan);
  }
}

// One thread, both passes of one sample's chunks [first, last); `between` runs after the sums. Backwards in
// the second pass: the end is what the first left in the nearest cache.
template <class Between>
void step_l2_part(const Step& s, int64_t sample, int64_t first, int64_t last, double* sums,
                  const Between& between) {
  for (int64_t chunk = first; chunk < last; ++chunk) l2_sums_of(s, sample, chunk, sums);
  between();
  const PlanL2 plan = l2_plan_of(s, sample, sums);
  if (first == 0) s.moved[sample] = plan.moves;
  if (!plan.moves) return;
  for (int64_t chunk = last; chunk-- > first;) l2_move_of(s, sample, chunk, plan);
}

void step_l2_batch(const Step& s, int threads) {
  const int64_t chunks = chunks_of(s.batch.n), samples = s.batch.samples;
  const bool large = 3 * static_cast<int64_t>(sizeof(float)) * s.batch.n > kOwnCacheBytes;
  if (threads == 1 || (!large && samples >= threads)) {
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
      std::vector<double> sums(static_cast<size_t>(3 * chunks));
#pragma omp for schedule(static)
      for (int64_t i = 0; i < samples; ++i) step_l2_part(s, i, 0, chunks, sums.data(), [] {});
    }
    return;
  }
  // Sums of two samples: a thread may be one sample ahead of another, never two.
  std::vector<double> sums(static_cast<size_t>(2 * 3 * chunks));
  SpinBarrier barrier;
  const int team = static_cast<int>(std::min<int64_t>(threads, chunks));
  as_team(chunks, team, [&](const Part& part) {
    for (int64_t i = 0; i < samples; ++i) {
      step_l2_part(s, i, part.first, part.last, sums.data() + (i % 2) * 3 * chunks,
                   [&] { barrier.wait(part.team); });
    }
  });
}

}  // namespace

void step(const Step& s, int threads) {
  switch (s.norm) {
    case Norm::kLinf:
      step_linf_batch(s, threads);
      break;
    case Norm::kL2:
      s.lengthen ? step_long_batch(s, threads) : step_l2_batch(s, threads);
      break;
    case Norm::kL1:
      step_l1_batch(s, threads);
      break;
  }
}

}  // namespace advspur::cpu
