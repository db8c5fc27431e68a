#include "advspur/step.h"
#include "core/ball.h"
#include "core/climb.h"
#include "cuda/elements.cuh"
#include "cuda/l2.cuh"
#include "cuda/l2_passes.cuh"
#include "cuda/mask.cuh"
#include "cuda/select.cuh"

namespace advspur::cuda {
namespace {

// ---- linf: one pass

template <bool kVector>
__global__ void __launch_bounds__(kThreads) linf_kernel(Step s) {
  const int64_t n = s.batch.n, blocks = blocks_for(n);
  const int64_t sample = blockIdx.x / blocks, part = blockIdx.x % blocks;
  const MaskRow mask = mask_row(s.mask, n, sample);
  const float eps = s.eps[sample], step = s.step_size[sample];
  float* x = s.x + sample * n;
  uint32_t seen = 0;
  map_row<kVector>(x, x, s.x0 + sample * n, s.grad + sample * n, part, n,
                   [&](uint32_t e, float x_e, float x0_e, float g_e) {
                     if (!mask(e)) return x0_e;
                     seen |= size_bits(g_e) & finite_mask(g_e);
                     return step_linf(x_e, x0_e, g_e, eps, step);
                   });
  if (__syncthreads_or(seen != 0) && threadIdx.x == 0) s.moved[sample] = 1;
}

void step_linf_batch(const Step& s, cudaStream_t stream) {
  check(cudaMemsetAsync(s.moved, 0, static_cast<size_t>(s.batch.samples), stream), "step");
  const auto kernel = fits_vectors(s.batch.n, s.x, s.x0, s.grad) ? linf_kernel<true> : linf_kernel<false>;
  launch("step", kernel, {s.batch.samples * blocks_for(s.batch.n), kThreads}, stream, s);
}

// ---- l2 on chip: each value is read once and written once

__global__ void __launch_bounds__(kTeam, 2) l2_kernel(Step s, Layout layout) {
  const int64_t n = s.batch.n, sample = blockIdx.x / layout.blocks, at = sample * n;
  Team<true> team(n, layout, 3);
  const MaskRow mask = mask_row(s.mask, n, sample);
  const auto g = team.column(0, s.grad + at), x = team.column(1, s.x + at), x0 = team.column(2, s.x0 + at);
  team.wait();
  team.forbid(mask, &g, &x, &x0);
  const PlanL2 plan = plan_by_team(team, x, x0, g, s.eps[sample], s.step_size[sample]);
  if (team.leads()) s.moved[sample] = plan.moves;
  if (!plan.moves) return;
  team.write(
      s.x + at,
      [&](int, float x_i, float x0_i, float g_i) { return step_l2(x_i, x0_i, finite_or_zero(g_i), plan); }, x,
      x0, g);
}

// ---- l2 in passes

struct StepTerms {
  Step s;
  __device__ __forceinline__ void operator()(int64_t sample, int i, double* out) const {
    const int64_t e = sample * s.batch.n + i;
    const bool may = mask_row(s.mask, s.batch.n, sample)(static_cast<uint32_t>(i));
    const float x0 = s.x0[e];
    l2_terms(may ? s.x[e] : x0, x0, may ? s.grad[e] : 0.0f, out);
  }
};

template <bool kVector>
__global__ void __launch_bounds__(kThreads) l2_move_kernel(Step s, const double* sums) {
  const int64_t n = s.batch.n, blocks = blocks_for(n);
  const int64_t sample = blockIdx.x / blocks, part = blockIdx.x % blocks;
  const PlanL2 plan = decide_by_one<3, PlanL2>(sums + 3 * chunks_of(n) * sample, n, [&](const double* total) {
    return plan_l2(total[0], total[1], total[2], s.eps[sample], s.step_size[sample]);
  });
  if (part == 0 && threadIdx.x == 0) s.moved[sample] = plan.moves;
  if (!plan.moves) return;
  const MaskRow mask = mask_row(s.mask, n, sample);
  float* x = s.x + sample * n;
  map_row<kVector>(x, x, s.x0 + sample * n, s.grad + sample * n, part, n,
                   [&](uint32_t e, float x_e, float x0_e, float g_e) {
                     return mask(e) ? step_l2(x_e, x0_e, finite_or_zero(g_e), plan) : x0_e;
                   });
}

// The samples [first, first + count) of a batch.
Step part_of(Step s, int64_t first, int64_t count) {
  const int64_t left = s.batch.samples - first, start = first * s.batch.n;
  s.x += start;
  s.x0 += start;
  s.grad += start;
  s.eps += first;
  s.step_size += first;
  s.moved += first;
  if (s.mask.data != nullptr) s.mask.data += first * s.mask.pixels;
  s.batch.samples = left < count ? left : count;
  return s;
}

void step_l2_passes(const Step& whole, double* sums, cudaStream_t stream) {
  const int64_t n = whole.batch.n, at_once = group_of(3 * 4 * n);
  for (int64_t first = 0; first < whole.batch.samples; first += at_once) {
    const Step s = part_of(whole, first, at_once);
    const int64_t samples = s.batch.samples;
    launch("step", chunk_sums_kernel<3, StepTerms>, {chunk_blocks(samples, n), kThreads}, stream, samples, n,
           StepTerms{s}, sums);
    const auto move = fits_vectors(n, s.x, s.x0, s.grad) ? l2_move_kernel<true> : l2_move_kernel<false>;
    launch("step", move, {samples * blocks_for(n), kThreads}, stream, s, sums);
  }
}

// ---- l2 that the box does not shorten (cpu/step_long.cpp)

template <bool kResident>
__global__ void __launch_bounds__(kTeam, kResident ? 2 : 1) long_kernel(Step s, Layout layout) {
  const int64_t n = s.batch.n, sample = blockIdx.x / (kResident ? layout.blocks : 1), at = sample * n;
  Team<kResident> team(n, layout, 3);
  const MaskRow mask = mask_row(s.mask, n, sample);
  const auto x0 = team.column(0, s.x0 + at), x = team.column(1, s.x + at, mask, s.x0 + at);
  const auto g = team.column(2, s.grad + at, mask);
  team.wait();
  team.forbid(mask, &g, &x, &x0);
  bool moves = false;
  const double size = s.step_size[sample];
  const double square = climb(size * size, [&](double t) {
    double total[2];
    team.template total<2>([&](int i, double* value) { long_climb_terms(x[i], g[i], t, value); }, total);
    moves |= total[1] > 0.0;
    return Climb{total[0], total[1]};
  });
  if (team.leads()) s.moved[sample] = moves;
  if (!moves) return;
  const double scale = std::sqrt(square);
  double length;
  team.template total<1>([&](int i, double* value) { *value = long_length_term(x[i], x0[i], g[i], scale); },
                         &length);
  const double shrink = long_shrink(length, s.eps[sample]);
  team.write(
      s.x + at,
      [&](int i, float x_i, float x0_i, float g_i) {
        return mask(static_cast<uint32_t>(i)) ? long_step(x_i, x0_i, g_i, scale, shrink) : x0_i;
      },
      x, x0, g);
}

// ---- l1

template <bool kResident>
__global__ void __launch_bounds__(kTeam, 1) l1_kernel(Step s, Layout layout) {
  const int64_t n = s.batch.n, sample = blockIdx.x / (kResident ? layout.blocks : 1), at = sample * n;
  Team<kResident> team(n, layout, 3);
  const MaskRow mask = mask_row(s.mask, n, sample);
  const auto x0 = team.column(0, s.x0 + at), x = team.column(1, s.x + at, mask, s.x0 + at);
  const auto g = team.column(2, s.grad + at, mask);
  team.wait();
  team.forbid(mask, &g, &x, &x0);
  step_l1(team, s.x + at, x, x0, g, s.k[sample], s.step_size[sample], s.eps[sample], s.moved + sample);
}

}  // namespace

void step(const Step& s, void* scratch, void* cuda_stream) {
  if (s.batch.samples == 0) return;
  const cudaStream_t stream = as_stream(cuda_stream);
  if (s.batch.n == 0) {
    check(cudaMemsetAsync(s.moved, 0, static_cast<size_t>(s.batch.samples), stream), "step");
    return;
  }
  if (s.norm == Norm::kLinf) return step_linf_batch(s, stream);
  const bool lengthen = s.norm == Norm::kL2 && s.lengthen;
  const size_t board = s.norm == Norm::kL1 ? Counters<true>::kBytes : 0;
  const Layout layout = layout_of(s.batch.n, 3, board, fits_vectors(s.batch.n, s.x, s.x0, s.grad));
  if (layout.blocks > 0) {
    const Grid grid{s.batch.samples * layout.blocks, kTeam, layout.bytes, layout.blocks};
    const auto l2 = lengthen ? long_kernel<true> : l2_kernel;
    launch("step", s.norm == Norm::kL2 ? l2 : l1_kernel<true>, grid, stream, s, layout);
  } else if (lengthen) {
    launch("step", long_kernel<false>, {s.batch.samples, kTeam}, stream, s, layout);
  } else if (s.norm == Norm::kL2) {
    step_l2_passes(s, static_cast<double*>(scratch), stream);
  } else {
    launch("step", l1_kernel<false>, {s.batch.samples, kTeam}, stream, s, layout);
  }
}

}  // namespace advspur::cuda
