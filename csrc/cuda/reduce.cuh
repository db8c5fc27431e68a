// The sums of core/reduce.h on the GPU: a warp is the 32 lanes, so every sum has the bits it has on the CPU.
#pragma once

#include "core/ball.h"
#include "core/reduce.h"
#include "cuda/launch.cuh"

namespace advspur::cuda {

constexpr unsigned kAll = 0xFFFFFFFFu;

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

// The largest of the lanes' values, for all lanes.
template <class T>
__device__ __forceinline__ T warp_most(T value) {
#pragma unroll
  for (int half = 16; half > 0; half /= 2) {
    const T other = __shfl_xor_sync(kAll, value, half);
    value = other > value ? other : value;
  }
  return value;
}

// out[j] = sum over i < count of term(i, .)[j], by one warp; valid in lane 0.
template <int N, class Term>
__device__ __forceinline__ void warp_sum_chunk(int count, const Term& term, double* out) {
#pragma unroll
  for (int j = 0; j < N; ++j) out[j] = 0.0;
#pragma unroll 8
  for (int i = lane_id(); i < count; i += kLanes) {
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

}  // namespace advspur::cuda
