// The l1 step, one block a sample: three histograms find the k-th largest |grad|, then the projection.
#pragma once

#include "advspur/step.h"
#include "core/select.h"
#include "cuda/l1.cuh"
#include "cuda/mask.cuh"

namespace advspur::cuda {

// `narrow` of core/select.h by one warp: lane l owns the l-th run of bins, and a scan from the top finds the
// lane in whose run the wanted rank falls.
__device__ __forceinline__ void warp_narrow(Selection& s, int round, const int* counts, int64_t k) {
  const int bits = digit_of(round).bits, run = (1 << bits) / 32, first = lane_id() * run;
  int mine = 0;
  for (int b = 0; b < run; ++b) mine += counts[first + b];
  int from_here_up = mine;  // keys in this run and in all higher ones
#pragma unroll
  for (int step = 1; step < 32; step *= 2) {
    const int other = __shfl_down_sync(kAll, from_here_up, step);
    if (lane_id() + step < 32) from_here_up += other;
  }
  const int64_t able = __shfl_sync(kAll, from_here_up, 0);
  const int64_t rank = round > 0 ? s.rank : k < able ? k : able;
  const uint32_t prefix = s.prefix;
  __syncwarp();  // all lanes have read s before one of them writes it
  const int64_t above = from_here_up - mine;
  if (rank > above && rank <= from_here_up) {
    int64_t left = rank - above;
    int bin = first + run - 1;
    while (bin > first && left > counts[bin]) left -= counts[bin--];
    s.prefix = prefix << bits | static_cast<uint32_t>(bin);
    s.rank = left;
  }
  if (round == 0 && lane_id() == 0) s.chosen = rank;
}

struct StepL1Shared {
  int counts[kMaxBins];
  alignas(Selection) unsigned char bytes[sizeof(Selection)];
  __device__ Selection& selection() { return *reinterpret_cast<Selection*>(bytes); }
  int equal_in_warp[kWarps];
  L1Shared l1;
};

// x <- v = x - x0 + share * sign(g) on the chosen elements; masked elements get 0. Tile after tile in the
// order of the elements, because of equal keys the first `rank` are taken.
__device__ __forceinline__ void block_jump(float* x, const float* x0, const float* g, const MaskRow& mask,
                                           int64_t n, const Selection& selection, float share,
                                           int* equal_in_warp) {
  int64_t equal_before = 0;
  for (int64_t start = 0; start < n; start += kBlock) {
    const int64_t e = start + threadIdx.x;
    const bool inside = e < n, may = inside && mask(static_cast<uint32_t>(e));
    const uint32_t key = inside ? select_key(x[e], g[e], may) : 0u;
    const unsigned equal = __ballot_sync(kAll, key == selection.prefix);
    if (lane_id() == 0) equal_in_warp[warp_id()] = __popc(equal);
    __syncthreads();
    int64_t rank = equal_before + __popc(equal & ((1u << lane_id()) - 1u));
    for (int w = 0; w < kWarps; ++w) {
      rank += w < warp_id() ? equal_in_warp[w] : 0;
      equal_before += equal_in_warp[w];
    }
    __syncthreads();
    if (!inside) continue;
    const bool chosen = key > selection.prefix || (key == selection.prefix && rank < selection.rank);
    const float jump = g[e] > 0.0f ? share : -share;
    x[e] = may ? (x[e] - x0[e]) + (chosen ? jump : 0.0f) : 0.0f;
  }
}

__global__ void __launch_bounds__(kBlock) step_l1_kernel(Step s) {
  ADVSPUR_SHARED(shared, StepL1Shared);
  const int64_t n = s.batch.n, sample = blockIdx.x;
  float* x = s.x + sample * n;
  const float *x0 = s.x0 + sample * n, *g = s.grad + sample * n;
  const MaskRow mask = mask_row(s.mask, n, sample);
  if (threadIdx.x == 0) shared.selection() = Selection{};
  for (int round = 0; round < kRounds; ++round) {
    const Digit digit = digit_of(round);
    for (int b = threadIdx.x; b < kMaxBins; b += kBlock) shared.counts[b] = 0;
    __syncthreads();
    const Selection so_far = shared.selection();
    for (int64_t i = threadIdx.x; i < n; i += kBlock) {
      const uint32_t key = select_key(x[i], g[i], mask(static_cast<uint32_t>(i)));
      if (agrees(key, so_far, round))
        atomicAdd(&shared.counts[key >> digit.shift & ((1u << digit.bits) - 1u)], 1);
    }
    __syncthreads();
    if (warp_id() == 0) warp_narrow(shared.selection(), round, shared.counts, s.k[sample]);
    __syncthreads();
  }
  const Selection selection = shared.selection();
  if (threadIdx.x == 0) s.moved[sample] = selection.chosen > 0;
  if (selection.chosen == 0) return;
  const float share = static_cast<float>(static_cast<double>(s.step_size[sample]) / selection.chosen);
  block_jump(x, x0, g, mask, n, selection, share, shared.equal_in_warp);
  __syncthreads();
  block_move_l1(x, x0, n, s.eps[sample], shared.l1);
}

inline void step_l1_batch(const Step& s, cudaStream_t stream) {
  launch("step", step_l1_kernel, {static_cast<unsigned>(s.batch.samples), kBlock}, stream, s);
}

}  // namespace advspur::cuda
