#include "advspur/project.h"
#include "core/ball.h"
#include "cuda/elements.cuh"
#include "cuda/l1.cuh"
#include "cuda/launch.cuh"
#include "cuda/mask.cuh"
#include "cuda/reduce.cuh"

namespace advspur::cuda {
namespace {

// Scale, clamp to +-radius, then to the box: linf is scale 1, l2 (sums given) is radius infinity.
template <bool kVector>
__global__ void __launch_bounds__(kThreads) clamp_kernel(Project p, const double* sums) {
  const int64_t n = p.batch.n, blocks = blocks_for(n), chunks = chunks_of(n);
  const int64_t sample = blockIdx.x / blocks, part = blockIdx.x % blocks;
  ADVSPUR_SHARED(shared, float);
  if (sums != nullptr && warp_id() == 0) {
    double total;
    warp_sum_chunks<1>(sums + chunks * sample, chunks, &total);
    if (lane_id() == 0) shared = shrink_l2(total, p.eps[sample]);
  }
  __syncthreads();
  const float scale = sums != nullptr ? shared : 1.0f, radius = sums != nullptr ? HUGE_VALF : p.eps[sample];
  const MaskRow mask = mask_row(p.mask, n, sample);
  const bool boxed = p.x0 != nullptr;
  float* d = p.delta + sample * n;
  map_row<kVector>(d, d, boxed ? p.x0 + sample * n : nullptr, nullptr, part, n,
                   [&](uint32_t e, float d_e, float x0_e, float) {
                     const float u = clamp((mask(e) ? d_e : 0.0f) * scale, -radius, radius);
                     return boxed ? clamp(u, -x0_e, 1.0f - x0_e) : u;
                   });
}

// One warp a chunk.
__global__ void __launch_bounds__(kThreads) squares_kernel(Project p, double* sums) {
  const int64_t n = p.batch.n, chunks = chunks_of(n);
  const int64_t task = blockIdx.x * int64_t{kThreads / 32} + warp_id();
  if (task >= p.batch.samples * chunks) return;
  const int64_t sample = task / chunks, chunk = task % chunks;
  const MaskRow mask = mask_row(p.mask, n, sample);
  const float* d = p.delta + sample * n + chunk * kChunk;
  double out;
  warp_sum_chunk<1>(
      chunk_size(n, chunk),
      [&](int64_t i, double* value) {
        const double d_i = mask(static_cast<uint32_t>(chunk * kChunk + i)) ? d[i] : 0.0f;
        value[0] = d_i * d_i;
      },
      &out);
  if (lane_id() == 0) sums[task] = out;
}

__global__ void __launch_bounds__(kBlock) l1_kernel(Project p) {
  ADVSPUR_SHARED(shared, L1Shared);
  const int64_t n = p.batch.n, sample = blockIdx.x;
  float* d = p.delta + sample * n;
  if (p.mask.data != nullptr) {
    const MaskRow mask = mask_row(p.mask, n, sample);
    for (int64_t i = threadIdx.x; i < n; i += kBlock) {
      if (!mask(static_cast<uint32_t>(i))) d[i] = 0.0f;
    }
    __syncthreads();
  }
  block_project_l1(d, p.x0 == nullptr ? nullptr : p.x0 + sample * n, n, p.eps[sample], shared);
}

}  // namespace

void project(const Project& p, void* scratch, void* cuda_stream) {
  if (p.batch.samples == 0 || p.batch.n == 0) return;
  const cudaStream_t stream = as_stream(cuda_stream);
  if (p.norm == Norm::kL1) {
    launch("project", l1_kernel, {static_cast<unsigned>(p.batch.samples), kBlock}, stream, p);
  } else {
    double* sums = nullptr;
    if (p.norm == Norm::kL2) {
      sums = static_cast<double*>(scratch);
      const int64_t chunks = p.batch.samples * chunks_of(p.batch.n), warps = kThreads / 32;
      launch("project", squares_kernel, {static_cast<unsigned>((chunks + warps - 1) / warps), kThreads},
             stream, p, sums);
    }
    const unsigned grid = static_cast<unsigned>(p.batch.samples * blocks_for(p.batch.n));
    if (fits_vectors(p.batch.n, p.delta, p.x0)) {
      launch("project", clamp_kernel<true>, {grid, kThreads}, stream, p, sums);
    } else {
      launch("project", clamp_kernel<false>, {grid, kThreads}, stream, p, sums);
    }
  }
}

}  // namespace advspur::cuda
