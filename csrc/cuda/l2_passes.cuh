// The l2 sums of samples that no shared memory holds, in passes over groups of samples that stay in the L2
// cache between them.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/mask.cuh"
#include "cuda/reduce.cuh"

namespace advspur::cuda {

// Samples whose data (bytes_per_sample) stay in the L2 cache together: passes over a batch go group by group.
inline int64_t group_of(int64_t bytes_per_sample) {
  constexpr int64_t kBudget = 24 << 20;
  return bytes_per_sample >= kBudget ? 1 : kBudget / bytes_per_sample;
}

constexpr int kWarps = kThreads / 32;

// Blocks for one warp a chunk.
inline int64_t chunk_blocks(int64_t samples, int64_t n) {
  return (samples * chunks_of(n) + kWarps - 1) / kWarps;
}

// sums[N * chunk + j] of each sample; term(sample, element, out).
template <int N, class Term>
__global__ void __launch_bounds__(kThreads)
    chunk_sums_kernel(int64_t samples, int64_t n, Term term, double* sums) {
  const int64_t chunks = chunks_of(n), task = blockIdx.x * int64_t{kWarps} + warp_id();
  if (task >= samples * chunks) return;
  const int64_t sample = task / chunks, chunk = task % chunks;
  double out[N];
  warp_sum_chunk<N>(
      static_cast<int>(chunk_size(n, chunk)),
      [&](int i, double* value) { term(sample, static_cast<int>(chunk * kChunk) + i, value); }, out);
  if (lane_id() == 0) {
    for (int j = 0; j < N; ++j) sums[N * task + j] = out[j];
  }
}

// What one sample's sums say, for all threads of a block: decide(totals) by one of them.
template <int N, class T, class Decide>
__device__ __forceinline__ T decide_by_one(const double* sums, int64_t n, const Decide& decide) {
  ADVSPUR_SHARED(shared, T);
  if (warp_id() == 0) {
    double total[N];
    warp_sum_chunks<N>(sums, chunks_of(n), total);
    if (lane_id() == 0) shared = decide(total);
  }
  __syncthreads();
  return shared;
}

}  // namespace advspur::cuda
