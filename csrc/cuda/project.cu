#include "advspur/project.h"
#include "core/ball.h"
#include "cuda/elements.cuh"
#include "cuda/l1.cuh"
#include "cuda/l2_passes.cuh"
#include "cuda/mask.cuh"

namespace advspur::cuda {
namespace {

// Scale, clamp to +-radius, then to the box: linf is scale 1, l2 is radius infinity.
__device__ __forceinline__ float held(float d, float x0, bool boxed, float scale, float radius) {
  const float u = clamp(d * scale, -radius, radius);
  return boxed ? clamp(u, -x0, 1.0f - x0) : u;
}

// linf, or l2 where the sums of squares are known.
template <bool kVector>
__global__ void __launch_bounds__(kThreads) clamp_kernel(Project p, const double* sums) {
  const int64_t n = p.batch.n, blocks = blocks_for(n);
  const int64_t sample = blockIdx.x / blocks, part = blockIdx.x % blocks;
  float scale = 1.0f, radius = p.eps[sample];
  if (sums != nullptr) {
    scale = decide_by_one<1, float>(sums + chunks_of(n) * sample, n,
                                    [&](const double* total) { return shrink_l2(total[0], p.eps[sample]); });
    radius = HUGE_VALF;
  }
  const MaskRow mask = mask_row(p.mask, n, sample);
  const bool boxed = p.x0 != nullptr;
  float* d = p.delta + sample * n;
  map_row<kVector>(d, d, boxed ? p.x0 + sample * n : nullptr, nullptr, part, n,
                   [&](uint32_t e, float d_e, float x0_e, float) {
                     return held(mask(e) ? d_e : 0.0f, x0_e, boxed, scale, radius);
                   });
}

struct Squares {
  Project p;
  __device__ __forceinline__ void operator()(int64_t sample, int i, double* out) const {
    const bool may = mask_row(p.mask, p.batch.n, sample)(static_cast<uint32_t>(i));
    const double d = may ? p.delta[sample * p.batch.n + i] : 0.0f;
    out[0] = d * d;
  }
};

__global__ void __launch_bounds__(kTeam, 2) l2_kernel(Project p, Layout layout) {
  const int64_t n = p.batch.n, sample = blockIdx.x / layout.blocks, at = sample * n;
  Team<true> team(n, layout, p.x0 == nullptr ? 1 : 2);
  const MaskRow mask = mask_row(p.mask, n, sample);
  const auto d = team.column(0, p.delta + at);
  const auto x0 = p.x0 == nullptr ? d : team.column(1, p.x0 + at);
  team.wait();
  team.forbid(mask, nullptr, &d, nullptr);
  double square;
  team.total<1>(
      [&](int i, double* value) {
        const double d_i = d[i];
        value[0] = d_i * d_i;
      },
      &square);
  const float scale = shrink_l2(square, p.eps[sample]);
  const bool boxed = p.x0 != nullptr;
  team.write(
      p.delta + at, [&](int, float d_i, float x0_i) { return held(d_i, x0_i, boxed, scale, HUGE_VALF); }, d,
      x0);
}

template <bool kResident, bool kBox>
__global__ void __launch_bounds__(kTeam, kBox ? 2 : 1) l1_kernel(Project p, Layout layout) {
  const int64_t n = p.batch.n, sample = blockIdx.x / (kResident ? layout.blocks : 1), at = sample * n;
  Team<kResident> team(n, layout, kBox ? 2 : 1);
  const MaskRow mask = mask_row(p.mask, n, sample);
  const auto d = team.column(0, p.delta + at);
  const auto x0 = kBox ? team.column(1, p.x0 + at) : d;
  team.wait();
  team.forbid(mask, nullptr, &d, nullptr);
  if (!kResident && p.mask.data != nullptr) {
    team.for_own([&](int i) {
      if (!mask(static_cast<uint32_t>(i))) *d.at(i) = 0.0f;
    });
    team.sync();
  }
  const double t = find_threshold_l1<kBox>(team, d, x0, p.eps[sample]);
  if (!kBox && !(t > 0.0) && p.mask.data == nullptr) return;  // as it is
  team.write(
      p.delta + at,
      [&](int, float d_i, float x0_i) {
        if (!kBox && !(t > 0.0)) return d_i;
        return soft_signed(d_i, t, kBox ? static_cast<double>(room_of(d_i, x0_i)) : HUGE_VAL);
      },
      d, x0);
}

// The samples [first, first + count) of a batch.
Project part_of(Project p, int64_t first, int64_t count) {
  const int64_t left = p.batch.samples - first;
  p.delta += first * p.batch.n;
  if (p.x0 != nullptr) p.x0 += first * p.batch.n;
  p.eps += first;
  if (p.mask.data != nullptr) p.mask.data += first * p.mask.pixels;
  p.batch.samples = left < count ? left : count;
  return p;
}

void clamp_batch(const Project& p, const double* sums, cudaStream_t stream) {
  const auto kernel = fits_vectors(p.batch.n, p.delta, p.x0) ? clamp_kernel<true> : clamp_kernel<false>;
  launch("project", kernel, {p.batch.samples * blocks_for(p.batch.n), kThreads}, stream, p, sums);
}

}  // namespace

void project(const Project& p, void* scratch, void* cuda_stream) {
  if (p.batch.samples == 0 || p.batch.n == 0) return;
  const cudaStream_t stream = as_stream(cuda_stream);
  if (p.norm == Norm::kLinf) return clamp_batch(p, nullptr, stream);
  const int64_t n = p.batch.n;
  const bool boxed = p.x0 != nullptr;
  const Layout layout = layout_of(n, boxed ? 2 : 1, 0, fits_vectors(n, p.delta, p.x0));
  const Grid on_chip{p.batch.samples * layout.blocks, kTeam, layout.bytes, layout.blocks},
      global{p.batch.samples, kTeam};
  if (p.norm == Norm::kL2 && layout.blocks > 0) {
    launch("project", l2_kernel, on_chip, stream, p, layout);
  } else if (p.norm == Norm::kL2) {
    double* sums = static_cast<double*>(scratch);
    for (int64_t first = 0, at_once = group_of(8 * n); first < p.batch.samples; first += at_once) {
      const Project part = part_of(p, first, at_once);
      const int64_t samples = part.batch.samples;
      launch("project", chunk_sums_kernel<1, Squares>, {chunk_blocks(samples, n), kThreads}, stream, samples,
             n, Squares{part}, sums);
      clamp_batch(part, sums, stream);
    }
  } else if (layout.blocks > 0) {
    launch("project", boxed ? l1_kernel<true, true> : l1_kernel<true, false>, on_chip, stream, p, layout);
  } else {
    launch("project", boxed ? l1_kernel<false, true> : l1_kernel<false, false>, global, stream, p, layout);
  }
}

}  // namespace advspur::cuda
