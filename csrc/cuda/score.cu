#include "advspur/score.h"
#include "core/exp.h"
#include "core/verdict.h"
#include "core/widen.h"
#include "cuda/rows.cuh"

namespace advspur::cuda {
namespace {

template <LogitType kType>
using Logit = std::conditional_t<kType == LogitType::kFloat32, float, uint16_t>;

template <LogitType kType>
__device__ __forceinline__ float widen(Logit<kType> value) {
  if constexpr (kType == LogitType::kFloat32) {
    return value;
  } else {
    return kType == LogitType::kBfloat16 ? widen_bfloat16(value) : widen_float16(value);
  }
}

// Three short sweeps over a row.
template <LogitType kType>
__global__ void __launch_bounds__(256, 1) score_kernel(Score s, RowPlan plan) {
  const int64_t row = blockIdx.x * int64_t{plan.warps} + warp_id();
  if (row >= s.rows) return;
  const Logit<kType>* z = stage_row(static_cast<const Logit<kType>*>(s.logits) + row * s.stride, s.k, plan);
  const int64_t given = s.labels[row];
  const int32_t label = given >= 0 && given <= INT32_MAX ? static_cast<int32_t>(given) : INT32_MIN;

  float own = -HUGE_VALF, other = -HUGE_VALF;
  bool broken = false;
  for (int64_t i = lane_id(); i < s.k; i += 32) {
    const int32_t code = s.codes[i];
    if (code == -2) continue;
    const float value = widen<kType>(z[i]);
    broken |= finite_mask(value) == 0u;
    if (code == label) {
      own = value > own ? value : own;
    } else {
      other = value > other ? value : other;
    }
  }
  RowSums r{};
  r.own = warp_most(own);
  r.other = warp_most(other);
  r.finite = __any_sync(kAll, broken) == 0;
  if (r.finite) {
    const float best = r.own > r.other ? r.own : r.other;
    double mass = 0.0, own_mass = 0.0;
    for (int64_t chunk = 0; chunk < chunks_of(s.k); ++chunk) {
      const int64_t start = chunk * kChunk;
      double out[2];
      warp_sum_chunk<2>(
          static_cast<int>(chunk_size(s.k, chunk)),
          [&](int i, double* value) {
            const int32_t code = s.codes[start + i];
            const float e = code != -2 ? exp_negative(widen<kType>(z[start + i]) - best) : 0.0f;
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
      if (s.codes[i] != -2 && widen<kType>(z[i]) == best) first = i;
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
  const auto kernel = s.type == LogitType::kFloat32    ? score_kernel<LogitType::kFloat32>
                      : s.type == LogitType::kBfloat16 ? score_kernel<LogitType::kBfloat16>
                                                       : score_kernel<LogitType::kFloat16>;
  const RowPlan plan = plan_rows(s.logits, s.stride, s.k, s.type == LogitType::kFloat32 ? 4 : 2);
  launch("score", kernel, plan.grid(s.rows), stream, s, plan);
}

}  // namespace advspur::cuda
