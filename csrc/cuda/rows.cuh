// Rows of logits, one warp a row: each is copied once into shared memory, where the sweeps over it run.
#pragma once

#include <cuda_pipeline_primitives.h>

#include "cuda/reduce.cuh"

namespace advspur::cuda {

struct RowPlan {
  int warps;      // rows of a block
  bool staged;    // false: a row is too long, the sweeps go over global memory
  bool vector;    // rows start at multiples of 16 bytes
  int row_bytes;  // of shared memory a row
  Grid grid(int64_t rows) const {
    return {(rows + warps - 1) / warps, 32 * warps, staged ? static_cast<size_t>(warps) * row_bytes : 0};
  }
};

inline RowPlan plan_rows(const void* data, int64_t stride, int64_t k, int64_t size) {
  constexpr int64_t kMost = 48 << 10;  // what every launch may have, and several blocks a multiprocessor
  const bool vector = reinterpret_cast<uintptr_t>(data) % 16 == 0 && stride * size % 16 == 0;
  const int64_t bytes = (k * size + 15) / 16 * 16;
  for (int warps = 8; warps > 0; warps /= 2) {
    if (warps * bytes <= kMost) return {warps, true, vector, static_cast<int>(bytes)};
  }
  return {8, false, vector, 0};
}

// Where a warp reads its row of k values: its copy, or the row itself.
template <class T>
__device__ __forceinline__ const T* stage_row(const T* row, int64_t k, const RowPlan& plan) {
  if (!plan.staged) return row;
  T* copy = reinterpret_cast<T*>(ADVSPUR_DYNAMIC_SHARED + int64_t{warp_id()} * plan.row_bytes);
  constexpr int kWide = 16 / static_cast<int>(sizeof(T));
  const int count = static_cast<int>(k), whole = plan.vector ? count / kWide * kWide : 0;
  for (int i = kWide * lane_id(); i < whole; i += kWide * 32) __pipeline_memcpy_async(copy + i, row + i, 16);
  for (int i = whole + lane_id(); i < count; i += 32) copy[i] = row[i];
  __pipeline_commit();
  __pipeline_wait_prior(0);
  __syncwarp();
  return copy;
}

}  // namespace advspur::cuda
