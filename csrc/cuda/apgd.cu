#include "advspur/apgd.h"
#include "advspur/step.h"
#include "core/apgd.h"
#include "cuda/elements.cuh"
#include "cuda/launch.cuh"
#include "cuda/mask.cuh"
#include "cuda/reduce.cuh"

namespace advspur::cuda {
namespace {

// What the first kernel decides for the later ones: 16 bytes a sample, at the start of the scratch memory.
struct Decision {
  int32_t better, again;
  int64_t unused;
};

// ---- the record, one block a sample

__device__ int64_t block_count_moved(const float* x, const float* x0, int64_t n) {
  ADVSPUR_SHARED(shared, int[kWarps]);
  int mine = 0;
  for (int64_t e = threadIdx.x; e < n; e += kBlock) mine += x[e] != x0[e];
#pragma unroll
  for (int half = 16; half > 0; half /= 2) mine += __shfl_down_sync(kAll, mine, half);
  if (lane_id() == 0) shared[warp_id()] = mine;
  __syncthreads();
  int64_t total = 0;
  for (int w = 0; w < kWarps; ++w) total += shared[w];
  return total;
}

__global__ void __launch_bounds__(kBlock) record_l1_kernel(Apgd s, Decision* decisions) {
  ADVSPUR_SHARED(better, bool);
  const int64_t sample = blockIdx.x, n = s.batch.n;
  if (threadIdx.x == 0) better = note_loss(s, sample);
  __syncthreads();
  int64_t count = 0;
  if (s.window > 0) count = block_count_moved((better ? s.x : s.best) + sample * n, s.x0 + sample * n, n);
  if (threadIdx.x == 0) {
    decisions[sample] = {better, s.window > 0 && check_step_l1(s, sample, count), 0};
    s.moved[sample] = 0;
  }
}

__global__ void record_kernel(Apgd s, Decision* decisions) {
  const int64_t sample = blockIdx.x * int64_t{kThreads} + threadIdx.x;
  if (sample >= s.batch.samples) return;
  const bool better = note_loss(s, sample);
  decisions[sample] = {better, s.window > 0 && check_step(s, sample), 0};
  s.moved[sample] = 0;
}

// ---- elements: a block serves a part of one sample

struct Row {
  const float *from, *grad, *x0;
  float *x, *old;
  int64_t sample, part;
  MaskRow mask;
};

// Where the step of this block's sample starts, and along which gradient.
__device__ __forceinline__ Row begin_row(const Apgd& s, const Decision* decisions) {
  const int64_t n = s.batch.n, blocks = blocks_for(n);
  const int64_t sample = blockIdx.x / blocks, part = blockIdx.x % blocks, at = sample * n;
  const Decision d = decisions[sample];
  return {(d.again ? s.best : s.x) + at,
          (d.again ? s.best_grad : s.grad) + at,
          s.x0 + at,
          s.x + at,
          s.old + at,
          sample,
          part,
          mask_row(s.mask, n, sample)};
}

template <class F>
__device__ __forceinline__ void for_part(int64_t part, int64_t n, const F& f) {
  const int64_t start = part * kPerBlock;
#pragma unroll
  for (int j = 0; j < kPerThread; ++j) {
    const int64_t e = start + threadIdx.x + int64_t{j} * kThreads;
    if (e < n) f(e);
  }
}

// Where x is the best point, it and its gradient are copied; ahead of the kernels that read best.
__global__ void __launch_bounds__(kThreads) keep_kernel(Apgd s, const Decision* decisions) {
  const int64_t n = s.batch.n, blocks = blocks_for(n);
  const int64_t sample = blockIdx.x / blocks, part = blockIdx.x % blocks, at = sample * n;
  if (!decisions[sample].better) return;
  for_part(part, n, [&](int64_t e) {
    s.best[at + e] = s.x[at + e];
    s.best_grad[at + e] = s.grad[at + e];
  });
}

__global__ void __launch_bounds__(kThreads) linf_kernel(Apgd s, const Decision* decisions) {
  const Row r = begin_row(s, decisions);
  const float eps = s.eps[r.sample], size = s.size[r.sample], share = s.share, rest = 1.0f - share;
  uint32_t seen = 0;
  for_part(r.part, s.batch.n, [&](int64_t e) {
    const bool may = r.mask(static_cast<uint32_t>(e));
    const float here = r.from[e], g = r.grad[e], x0 = r.x0[e];
    if (may) seen |= size_bits(g) & finite_mask(g);
    const float there = move_linf(here, r.old[e], x0, g, eps, size, share, rest);
    r.old[e] = here;
    r.x[e] = may ? there : x0;
  });
  if (__syncthreads_or(seen != 0) && threadIdx.x == 0) s.moved[r.sample] = 1;
}

// ---- l2

__global__ void __launch_bounds__(kThreads) l2_sums_kernel(Apgd s, const Decision* decisions, double* sums) {
  const int64_t n = s.batch.n, chunks = chunks_of(n);
  const int64_t task = blockIdx.x * int64_t{kThreads / 32} + warp_id();
  if (task >= s.batch.samples * chunks) return;
  const int64_t sample = task / chunks, chunk = task % chunks, at = sample * n + chunk * kChunk;
  const MaskRow mask = mask_row(s.mask, n, sample);
  const bool again = decisions[sample].again;
  const float *from = (again ? s.best : s.x) + at, *g = (again ? s.best_grad : s.grad) + at, *x0 = s.x0 + at;
  double out[3];
  warp_sum_chunk<3>(
      chunk_size(n, chunk),
      [&](int64_t i, double* value) {
        const bool may = mask(static_cast<uint32_t>(chunk * kChunk + i));
        const double g_i = may ? finite_or_zero(g[i]) : 0.0f;
        const double d_i = may ? from[i] - x0[i] : 0.0f;
        value[0] = g_i * g_i;
        value[1] = g_i * d_i;
        value[2] = d_i * d_i;
      },
      out);
  if (lane_id() == 0) {
    for (int j = 0; j < 3; ++j) sums[3 * task + j] = out[j];
  }
}

__global__ void __launch_bounds__(kThreads)
    l2_mix_kernel(Apgd s, const Decision* decisions, const double* sums) {
  const Row r = begin_row(s, decisions);
  const int64_t chunks = chunks_of(s.batch.n);
  ADVSPUR_SHARED(shared, PlanL2);
  if (warp_id() == 0) {
    double total[3];
    warp_sum_chunks<3>(sums + 3 * chunks * r.sample, chunks, total);
    if (lane_id() == 0) {
      shared = plan_l2(total[0], total[1], total[2], s.eps[r.sample], s.size[r.sample]);
      if (r.part == 0) s.moved[r.sample] = shared.moves;
    }
  }
  __syncthreads();
  const PlanL2 plan = shared;
  const float share = s.share, rest = 1.0f - share;
  for_part(r.part, s.batch.n, [&](int64_t e) {
    const float here = r.from[e], x0 = r.x0[e];
    const float y = plan.moves ? step_l2(here, x0, finite_or_zero(r.grad[e]), plan) : here;
    const float there = mix(here, y, r.old[e], share, rest);
    r.old[e] = here;
    r.x[e] = r.mask(static_cast<uint32_t>(e)) ? there : x0;
  });
}

__global__ void __launch_bounds__(kThreads) l2_length_kernel(Apgd s, double* lengths) {
  const int64_t n = s.batch.n, chunks = chunks_of(n);
  const int64_t task = blockIdx.x * int64_t{kThreads / 32} + warp_id();
  if (task >= s.batch.samples * chunks) return;
  const int64_t sample = task / chunks, chunk = task % chunks, at = sample * n + chunk * kChunk;
  const float *x = s.x + at, *x0 = s.x0 + at;
  double out[1];
  warp_sum_chunk<1>(
      chunk_size(n, chunk),
      [&](int64_t i, double* value) {
        const double d = x[i] - x0[i];
        value[0] = d * d;
      },
      out);
  if (lane_id() == 0) lengths[task] = out[0];
}

__global__ void __launch_bounds__(kThreads) l2_shrink_kernel(Apgd s, const double* lengths) {
  const int64_t n = s.batch.n, blocks = blocks_for(n), chunks = chunks_of(n);
  const int64_t sample = blockIdx.x / blocks, part = blockIdx.x % blocks, at = sample * n;
  ADVSPUR_SHARED(shared, float);
  if (warp_id() == 0) {
    double total[1];
    warp_sum_chunks<1>(lengths + chunks * sample, chunks, total);
    if (lane_id() == 0) shared = shrink_l2(total[0], s.eps[sample]) - 1.0f;
  }
  __syncthreads();
  const float shrink = shared;
  for_part(part, n, [&](int64_t e) {
    const float there = s.x[at + e];
    s.x[at + e] = clamp(there + shrink * (there - s.x0[at + e]), 0.0f, 1.0f);
  });
}

// ---- l1: begin at the best point where that is decided, then the sparse step

__global__ void __launch_bounds__(kThreads) begin_l1_kernel(Apgd s, const Decision* decisions) {
  const Row r = begin_row(s, decisions);
  const bool again = decisions[r.sample].again;
  for_part(r.part, s.batch.n, [&](int64_t e) {
    const float here = r.from[e];
    r.x[e] = r.old[e] = here;
    // the step reads one gradient: where it goes on from the best point, that point's
    if (again) s.grad[r.sample * s.batch.n + e] = r.grad[e];
  });
}

}  // namespace

void apgd(const Apgd& s, void* scratch, void* cuda_stream) {
  const int64_t n = s.batch.n, samples = s.batch.samples;
  if (samples == 0) return;
  const cudaStream_t stream = as_stream(cuda_stream);
  Decision* decisions = static_cast<Decision*>(scratch);
  double* sums = reinterpret_cast<double*>(decisions + samples);
  if (s.norm == Norm::kL1) {
    launch("apgd", record_l1_kernel, {static_cast<unsigned>(samples), kBlock}, stream, s, decisions);
  } else {
    const unsigned grid = static_cast<unsigned>((samples + kThreads - 1) / kThreads);
    launch("apgd", record_kernel, {grid, kThreads}, stream, s, decisions);
  }
  if (n > 0) {
    const unsigned rows = static_cast<unsigned>(samples * blocks_for(n));
    const int64_t tasks = samples * chunks_of(n), warps = kThreads / 32;
    const unsigned by_warp = static_cast<unsigned>((tasks + warps - 1) / warps);
    launch("apgd", keep_kernel, {rows, kThreads}, stream, s, decisions);
    if (s.norm == Norm::kLinf) {
      launch("apgd", linf_kernel, {rows, kThreads}, stream, s, decisions);
    } else if (s.norm == Norm::kL2) {
      double* lengths = sums + 3 * tasks;
      launch("apgd", l2_sums_kernel, {by_warp, kThreads}, stream, s, decisions, sums);
      launch("apgd", l2_mix_kernel, {rows, kThreads}, stream, s, decisions, sums);
      launch("apgd", l2_length_kernel, {by_warp, kThreads}, stream, s, lengths);
      launch("apgd", l2_shrink_kernel, {rows, kThreads}, stream, s, lengths);
    } else {
      launch("apgd", begin_l1_kernel, {rows, kThreads}, stream, s, decisions);
      step({s.norm, s.x, s.x0, s.grad, s.eps, s.size, s.width, s.moved, s.mask, s.batch}, nullptr, stream);
    }
  }
}

}  // namespace advspur::cuda
