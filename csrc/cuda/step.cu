#include "advspur/step.h"
#include "core/ball.h"
#include "cuda/elements.cuh"
#include "cuda/launch.cuh"
#include "cuda/mask.cuh"
#include "cuda/reduce.cuh"
#include "cuda/step_l1.cuh"

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
  cudaMemsetAsync(s.moved, 0, static_cast<size_t>(s.batch.samples), stream);
  const unsigned grid = static_cast<unsigned>(s.batch.samples * blocks_for(s.batch.n));
  if (fits_vectors(s.batch.n, s.x, s.x0, s.grad)) {
    launch("step", linf_kernel<true>, {grid, kThreads}, stream, s);
  } else {
    launch("step", linf_kernel<false>, {grid, kThreads}, stream, s);
  }
}

// ---- l2: three sums, then the move, over groups of samples that fit in the cache

// One warp a chunk.
__global__ void __launch_bounds__(kThreads) l2_sums_kernel(Step s, double* sums) {
  const int64_t n = s.batch.n, chunks = chunks_of(n);
  const int64_t task = blockIdx.x * int64_t{kThreads / 32} + warp_id();
  if (task >= s.batch.samples * chunks) return;
  const int64_t sample = task / chunks, chunk = task % chunks, start = sample * n + chunk * kChunk;
  const MaskRow mask = mask_row(s.mask, n, sample);
  const float *x = s.x + start, *x0 = s.x0 + start, *g = s.grad + start;
  double out[3];
  warp_sum_chunk<3>(
      chunk_size(n, chunk),
      [&](int64_t i, double* value) {
        const bool may = mask(static_cast<uint32_t>(chunk * kChunk + i));
        const double g_i = may ? finite_or_zero(g[i]) : 0.0f;
        const double d_i = may ? x[i] - x0[i] : 0.0f;
        value[0] = g_i * g_i;
        value[1] = g_i * d_i;
        value[2] = d_i * d_i;
      },
      out);
  if (lane_id() == 0) {
    for (int j = 0; j < 3; ++j) sums[3 * task + j] = out[j];
  }
}

template <bool kVector>
__global__ void __launch_bounds__(kThreads) l2_move_kernel(Step s, const double* sums) {
  const int64_t n = s.batch.n, blocks = blocks_for(n), chunks = chunks_of(n);
  const int64_t sample = blockIdx.x / blocks, part = blockIdx.x % blocks;
  ADVSPUR_SHARED(shared, PlanL2);
  if (warp_id() == 0) {
    double total[3];
    warp_sum_chunks<3>(sums + 3 * chunks * sample, chunks, total);
    if (lane_id() == 0) {
      shared = plan_l2(total[0], total[1], total[2], s.eps[sample], s.step_size[sample]);
      if (part == 0) s.moved[sample] = shared.moves;
    }
  }
  __syncthreads();
  const PlanL2 plan = shared;
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

void step_l2_batch(const Step& whole, double* sums, cudaStream_t stream) {
  const int64_t n = whole.batch.n, at_once = group_of(3 * 4 * n);
  for (int64_t first = 0; first < whole.batch.samples; first += at_once) {
    const Step s = part_of(whole, first, at_once);
    const int64_t chunks = s.batch.samples * chunks_of(n), warps = kThreads / 32;
    launch("step", l2_sums_kernel, {static_cast<unsigned>((chunks + warps - 1) / warps), kThreads}, stream, s,
           sums);
    const unsigned grid = static_cast<unsigned>(s.batch.samples * blocks_for(n));
    if (fits_vectors(n, s.x, s.x0, s.grad)) {
      launch("step", l2_move_kernel<true>, {grid, kThreads}, stream, s, sums);
    } else {
      launch("step", l2_move_kernel<false>, {grid, kThreads}, stream, s, sums);
    }
  }
}

}  // namespace

void step(const Step& s, void* scratch, void* cuda_stream) {
  if (s.batch.samples == 0) return;
  const cudaStream_t stream = as_stream(cuda_stream);
  if (s.batch.n == 0) {
    cudaMemsetAsync(s.moved, 0, static_cast<size_t>(s.batch.samples), stream);
  } else if (s.norm == Norm::kLinf) {
    step_linf_batch(s, stream);
  } else if (s.norm == Norm::kL2) {
    step_l2_batch(s, static_cast<double*>(scratch), stream);
  } else {
    step_l1_batch(s, stream);
  }
}

}  // namespace advspur::cuda
