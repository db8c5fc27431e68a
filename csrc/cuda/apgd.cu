#include "advspur/apgd.h"
#include "cuda/apgd_l1.cuh"
#include "cuda/apgd_l2.cuh"
#include "cuda/apgd_row.cuh"
#include "cuda/elements.cuh"

namespace advspur::cuda {
namespace {

// The record of each sample; what it decides, the next kernel reads.
__global__ void __launch_bounds__(kThreads) record_kernel(Apgd s, Decision* decisions) {
  const int64_t sample = blockIdx.x * int64_t{kThreads} + threadIdx.x;
  if (sample >= s.batch.samples) return;
  const bool better = note_loss(s, sample);
  decisions[sample] = {better, s.window > 0 && check_step(s, sample), 0};
  s.moved[sample] = 0;
}

// linf: one pass, a block for a part of a sample.
template <bool kVector>
__global__ void __launch_bounds__(kThreads) linf_kernel(Apgd s, const Decision* decisions) {
  const int64_t n = s.batch.n, blocks = blocks_for(n);
  const int64_t sample = blockIdx.x / blocks, part = blockIdx.x % blocks;
  const Rows row(s, decisions[sample], sample);
  const MaskRow mask = mask_row(s.mask, n, sample);
  const float eps = s.eps[sample], size = s.size[sample], share = s.share, rest = 1.0f - share;
  uint32_t seen = 0;
  constexpr int kStep = kVector ? 4 : 1;
#pragma unroll
  for (int j = 0; j < kPerThread / kStep; ++j) {
    const uint32_t e =
        static_cast<uint32_t>(part * kPerBlock) + kStep * (threadIdx.x + static_cast<unsigned>(j) * kThreads);
    if (e >= n) break;
    float here[kStep], g[kStep], x0[kStep], old[kStep], there[kStep];
    load_some<kVector>(row.from + e, here);
    load_some<kVector>(row.grad + e, g);
    load_some<kVector>(row.x0 + e, x0);
    load_some<kVector>(row.old + e, old);
#pragma unroll
    for (int k = 0; k < kStep; ++k) {
      const bool may = mask(e + static_cast<uint32_t>(k));
      if (may) seen |= size_bits(g[k]) & finite_mask(g[k]);
      there[k] = may ? move_linf(here[k], old[k], x0[k], g[k], eps, size, share, rest) : x0[k];
    }
    if (row.better) {
      store_some<kVector>(row.best + e, here);
      store_some<kVector>(row.best_grad + e, g);
    }
    store_some<kVector>(row.old + e, here);
    store_some<kVector>(row.x + e, there);
  }
  if (__syncthreads_or(seen != 0) && threadIdx.x == 0) s.moved[sample] = 1;
}

}  // namespace

void apgd(const Apgd& s, void* scratch, void* cuda_stream) {
  const int64_t n = s.batch.n, samples = s.batch.samples;
  if (samples == 0) return;
  const cudaStream_t stream = as_stream(cuda_stream);
  Decision* decisions = static_cast<Decision*>(scratch);
  const bool vector = fits_vectors(n, s.x, s.old, s.best, s.best_grad, s.grad, s.x0);
  if (s.norm == Norm::kL1) return apgd_l1(s, vector, stream);
  launch("apgd", record_kernel, {(samples + kThreads - 1) / kThreads, kThreads}, stream, s, decisions);
  if (n == 0) return;
  if (s.norm == Norm::kLinf) {
    launch("apgd", vector ? linf_kernel<true> : linf_kernel<false>, {samples * blocks_for(n), kThreads},
           stream, s, decisions);
  } else {
    apgd_l2(s, decisions, vector, stream);
  }
}

}  // namespace advspur::cuda
