#include "advspur/loss.h"
#include "core/exp.h"
#include "core/loss.h"
#include "cuda/rows.cuh"

namespace advspur::cuda {
namespace {

// The sum over a row in the fixed order; all lanes get it. term(i, double*).
template <class Term>
__device__ __forceinline__ double warp_row_sum(int64_t k, const Term& term) {
  double mine = 0.0;
  for (int64_t chunk = 0; chunk < chunks_of(k); ++chunk) {
    double out[1];
    const int64_t start = chunk * kChunk;
    warp_sum_chunk<1>(
        static_cast<int>(chunk_size(k, chunk)), [&](int i, double* value) { term(start + i, value); }, out);
    const double sum = __shfl_sync(kAll, out[0], 0);
    if (lane_id() == chunk % kLanes) mine += sum;
  }
  return __shfl_sync(kAll, fold_warp(mine), 0);
}

__device__ __forceinline__ float warp_spread(const float* z, int64_t k) {
  if (k == 2) return 1.0f;
  const double mean = warp_row_sum(k, [&](int64_t i, double* v) { v[0] = z[i]; }) / k;
  const double sum = warp_row_sum(k, [&](int64_t i, double* v) { v[0] = fabs(z[i] - mean); });
  const float spread = static_cast<float>(sum / k);
  return spread > 0.0f && spread < HUGE_VALF ? spread : 1.0f;
}

__device__ __forceinline__ void cross_entropy_row(const Loss& s, int64_t row, const float* z, int64_t t,
                                                  float spread) {
  const int64_t apart = t >= 0 ? t : s.label[row];
  float most = -HUGE_VALF;
  for (int64_t i = lane_id(); i < s.k; i += 32) most = i != apart && z[i] > most ? z[i] : most;
  most = warp_most(most);
  most = most / spread * kSpread;
  const double mass = warp_row_sum(s.k, [&](int64_t i, double* v) {
    const float e = exp_negative(z[i] / spread * kSpread - most);
    v[0] = i == apart ? 0.0f : e;
  });
  const float others = static_cast<float>(most + log(mass)), own = z[apart] / spread * kSpread;
  if (lane_id() == 0) s.value[row] = t >= 0 ? own - others : others - own;
  if (s.grad == nullptr) return;
  const float sign = (t >= 0 ? -1.0f : 1.0f) * kSpread / spread, scale = sign / static_cast<float>(mass);
  for (int64_t i = lane_id(); i < s.k; i += 32) {
    s.grad[row * s.k + i] = i == apart ? -sign : exp_negative(z[i] / spread * kSpread - most) * scale;
  }
}

__device__ __forceinline__ void weighted_row(const Loss& s, int64_t row, const float* z, int64_t t,
                                             float spread) {
  Top top;
  for (int64_t i = lane_id(); i < s.k; i += 32) insert(top, z[i], static_cast<int32_t>(i));
#pragma unroll
  for (int half = 16; half > 0; half /= 2) {
    Top other;
#pragma unroll
    for (int r = 0; r < 4; ++r) {
      other.value[r] = __shfl_xor_sync(kAll, top.value[r], half);
      other.index[r] = __shfl_xor_sync(kAll, top.index[r], half);
    }
#pragma unroll
    for (int r = 0; r < 4; ++r) insert(top, other.value[r], other.index[r]);
  }
  const Weights w =
      weigh(s.kind, z, top, static_cast<int32_t>(s.label[row]), static_cast<int32_t>(t), s.k, spread);
  if (lane_id() == 0) s.value[row] = w.value;
  if (s.grad == nullptr) return;
  for (int64_t i = lane_id(); i < s.k; i += 32) {
    float sum = 0.0f;
#pragma unroll
    for (int j = 0; j < 6; ++j) {
      if (w.index[j] == i) sum += w.weight[j];
    }
    s.grad[row * s.k + i] = sum;
  }
}

template <bool kCrossEntropy>
__global__ void __launch_bounds__(256, 1) loss_kernel(Loss s, RowPlan plan) {
  const int64_t row = blockIdx.x * int64_t{plan.warps} + warp_id();
  if (row >= s.rows) return;
  const float* z = stage_row(s.logits + row * s.stride, s.k, plan);
  const int64_t t = s.target == nullptr ? -1 : s.target[row];
  bool broken = false;
  for (int64_t i = lane_id(); i < s.k; i += 32) broken |= finite_mask(z[i]) == 0u;
  if (__any_sync(kAll, broken)) {
    if (lane_id() == 0) s.value[row] = nanf("");
    for (int64_t i = lane_id(); s.grad != nullptr && i < s.k; i += 32) s.grad[row * s.k + i] = 0.0f;
    return;
  }
  const float spread = warp_spread(z, s.k);
  if constexpr (kCrossEntropy) {
    cross_entropy_row(s, row, z, t, spread);
  } else {
    weighted_row(s, row, z, t, spread);
  }
}

}  // namespace

void loss(const Loss& s, void* cuda_stream) {
  if (s.rows == 0 || s.k == 0) return;
  const RowPlan plan = plan_rows(s.logits, s.stride, s.k, 4);
  const auto kernel = s.kind == LossKind::kCrossEntropy ? loss_kernel<true> : loss_kernel<false>;
  launch("loss", kernel, plan.grid(s.rows), as_stream(cuda_stream), s, plan);
}

}  // namespace advspur::cuda
