#include "advspur/score.h"
#include "core/exp.h"
#include "core/verdict.h"
#include "core/widen.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace advspur::cuda {
namespace {

constexpr int kRowsPerBlock = 8;  // one warp a row

__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int half = 16; half > 0; half /= 2) {
    const float other = __shfl_xor_sync(kAll, value, half);
    value = other > value ? other : value;
  }
  return value;
}

template <LogitType kType>
__device__ __forceinline__ float logit(const void* row, int64_t i) {
  if constexpr (kType == LogitType::kFloat32) return static_cast<const float*>(row)[i];
  const uint16_t bits = static_cast<const uint16_t*>(row)[i];
  return kType == LogitType::kBfloat16 ? widen_bfloat16(bits) : widen_float16(bits);
}

// Three short sweeps over a row that the first one brings into the L1 cache.
template <LogitType kType>
__global__ void __launch_bounds__(32 * kRowsPerBlock) score_kernel(Score s) {
  const int64_t row = blockIdx.x * int64_t{kRowsPerBlock} + warp_id();
  if (row >= s.rows) return;
  const int64_t bytes = kType == LogitType::kFloat32 ? 4 : 2;
  const void* z = static_cast<const char*>(s.logits) + row * s.stride * bytes;
  const int64_t given = s.labels[row];
  const int32_t label = given >= 0 && given <= INT32_MAX ? static_cast<int32_t>(given) : INT32_MIN;

  float own = -HUGE_VALF, other = -HUGE_VALF;
  bool broken = false;
  for (int64_t i = lane_id(); i < s.k; i += 32) {
    const int32_t code = s.codes[i];
    if (code == -2) continue;
    const float value = logit<kType>(z, i);
    broken |= finite_mask(value) == 0u;
    if (code == label) {
      own = value > own ? value : own;
    } else {
      other = value > other ? value : other;
    }
  }
  RowSums r{};
  r.own = warp_max(own);
  r.other = warp_max(other);
  r.finite = __any_sync(kAll, broken) == 0;
  if (r.finite) {
    const float best = r.own > r.other ? r.own : r.other;
    double mass = 0.0, own_mass = 0.0;
    for (int64_t chunk = 0; chunk < chunks_of(s.k); ++chunk) {
      double out[2];
      warp_sum_chunk<2>(
          chunk_size(s.k, chunk),
          [&](int64_t i, double* value) {
            const int32_t code = s.codes[chunk * kChunk + i];
            const float e = code != -2 ? exp_negative(logit<kType>(z, chunk * kChunk + i) - best) : 0.0f;
            value[0] = e;
            value[1] = code == label ? e : 0.0f;
          },
          out);
      // The chunk's sum belongs to lane chunk % 32, as everywhere.
      const double all_of_it = __shfl_sync(kAll, out[0], 0), own_part = __shfl_sync(kAll, out[1], 0);
      if (lane_id() == chunk % kLanes) {
        mass += all_of_it;
        own_mass += own_part;
      }
    }
    r.mass = fold_warp(mass);
    r.own_mass = fold_warp(own_mass);
    int64_t first = s.k - 1;
    for (int64_t i = lane_id(); i < first; i += 32) {
      if (s.codes[i] != -2 && logit<kType>(z, i) == best) first = i;
    }
    for (int half = 16; half > 0; half /= 2) {
      const int64_t elsewhere = __shfl_xor_sync(kAll, first, half);
      first = elsewhere < first ? elsewhere : first;
    }
    r.winner = s.codes[first];
  }
  if (lane_id() == 0) write_verdict(s, row, r);
}

}  // namespace

void score(const Score& s, void* cuda_stream) {
  if (s.rows == 0 || s.k == 0) return;
  const cudaStream_t stream = as_stream(cuda_stream);
  const unsigned grid = static_cast<unsigned>((s.rows + kRowsPerBlock - 1) / kRowsPerBlock);
  constexpr int kThreads = 32 * kRowsPerBlock;
  if (s.type == LogitType::kFloat32) {
    launch("score", score_kernel<LogitType::kFloat32>, {grid, kThreads}, stream, s);
  } else if (s.type == LogitType::kBfloat16) {
    launch("score", score_kernel<LogitType::kBfloat16>, {grid, kThreads}, stream, s);
  } else {
    launch("score", score_kernel<LogitType::kFloat16>, {grid, kThreads}, stream, s);
  }
}

}  // namespace advspur::cuda
