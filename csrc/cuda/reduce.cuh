// The sums of core/reduce.h on the GPU: a warp is the 32 lanes, so every sum has the bits it has on the CPU.
#pragma once

#include "core/ball.h"
#include "core/reduce.h"
#include "cuda/launch.cuh"

namespace advspur::cuda {

constexpr unsigned kAll = 0xFFFFFFFFu;
constexpr int kBlock = 1024;  // threads of a block that owns a sample: 32 warps, one for each lane of chunks
constexpr int kWarps = kBlock / 32;

__device__ __forceinline__ int lane_id() {
  return static_cast<int>(threadIdx.x) & 31;
}

__device__ __forceinline__ int warp_id() {
  return static_cast<int>(threadIdx.x) >> 5;
}

// The sum over lanes, folded by halves; valid in lane 0.
__device__ __forceinline__ double fold_warp(double value) {
#pragma unroll
  for (int half = kLanes / 2; half > 0; half /= 2) value += __shfl_down_sync(kAll, value, half);
  return value;
}

// out[j] = sum over i < count of term(i, .)[j], by one warp; valid in lane 0.
template <int N, class Term>
__device__ __forceinline__ void warp_sum_chunk(int64_t count, const Term& term, double* out) {
#pragma unroll
  for (int j = 0; j < N; ++j) out[j] = 0.0;
#pragma unroll 8
  for (int i = lane_id(); i < static_cast<int>(count); i += kLanes) {
    double value[N];
    term(i, value);
#pragma unroll
    for (int j = 0; j < N; ++j) out[j] += value[j];
  }
#pragma unroll
  for (int j = 0; j < N; ++j) out[j] = fold_warp(out[j]);
}

// The sums of a sample's chunks, stored N apart, added up by one warp; valid in lane 0.
template <int N>
__device__ __forceinline__ void warp_sum_chunks(const double* sums, int64_t chunks, double* out) {
#pragma unroll
  for (int j = 0; j < N; ++j) out[j] = 0.0;
  for (int64_t c = lane_id(); c < chunks; c += kLanes) {
#pragma unroll
    for (int j = 0; j < N; ++j) out[j] += sums[N * c + j];
  }
#pragma unroll
  for (int j = 0; j < N; ++j) out[j] = fold_warp(out[j]);
}

// A whole sample by one block of kBlock threads: warp w takes the chunks w, w + 32, ... term(i, out) with i
// the element of the sample. All threads call it and all get the result. shared: 2 * kWarps + 2 doubles.
template <class Term>
__device__ __forceinline__ Level block_level(int64_t n, const Term& term, double* shared) {
  double mine[2] = {0.0, 0.0};
  for (int64_t chunk = warp_id(); chunk < chunks_of(n); chunk += kWarps) {
    double out[2];
    const int64_t start = chunk * kChunk;
    warp_sum_chunk<2>(chunk_size(n, chunk), [&](int64_t i, double* value) { term(start + i, value); }, out);
    mine[0] += out[0];
    mine[1] += out[1];
  }
  if (lane_id() == 0) {
    shared[warp_id()] = mine[0];
    shared[kWarps + warp_id()] = mine[1];
  }
  __syncthreads();
  if (warp_id() == 0) {
    const double sum = fold_warp(shared[lane_id()]), slope = fold_warp(shared[kWarps + lane_id()]);
    if (lane_id() == 0) {
      shared[2 * kWarps] = sum;
      shared[2 * kWarps + 1] = slope;
    }
  }
  __syncthreads();
  const Level level{shared[2 * kWarps], shared[2 * kWarps + 1]};
  __syncthreads();  // nobody writes the next level before all have read this one
  return level;
}

}  // namespace advspur::cuda
