#include "advspur/square.h"
#include "core/square.h"
#include "cuda/l1.cuh"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace advspur::cuda {
namespace {

// Everything is one block a sample; all of its threads hold the same windows, signs and sums.

// ---- linf

__device__ bool paint(const Square& s, int64_t sample, const Windows& at, bool flip) {
  const float eps = s.eps[sample];
  const int64_t area = int64_t{at.height} * at.width;
  uint32_t changed = 0;
  for (int64_t c = 0; c < s.channels; ++c) {
    const bool up = sign_of(s, sample, c) != flip;
    for (int64_t e = threadIdx.x; e < area; e += kTeam) {
      const int64_t pixel = (at.row + e / at.width) * s.width + at.column + e % at.width;
      if (s.mask != nullptr && s.mask[sample * s.height * s.width + pixel] == 0) continue;
      const int64_t i = (sample * s.channels + c) * s.height * s.width + pixel;
      const float new_x = up ? high_linf(s.x0[i], eps) : low_linf(s.x0[i], eps);
      changed |= to_bits(new_x) ^ to_bits(s.best[i]);
      s.x[i] = new_x;
    }
  }
  return __syncthreads_or(changed != 0) != 0;
}

// ---- l2 and l1: the passes of cpu/square.cpp

template <Norm kNorm>
__device__ __forceinline__ double move_windows(const Square& s, int64_t sample, const Windows& at,
                                               Team<false>& team) {
  const int64_t pixels = s.height * s.width, n = s.channels * pixels, area = int64_t{at.height} * at.width;
  const float *best = s.best + sample * n, *x0 = s.x0 + sample * n;
  const uint8_t* mask = s.mask == nullptr ? nullptr : s.mask + sample * pixels;
  const float* tile = s.tiles + s.tile_at[sample] + (at.turned ? area : 0);
  float* d = s.x + sample * n;
  double total;
  team.total<1>([&](int i, double* out) { out[0] = window_term<kNorm>(best[i] - x0[i]); }, &total);
  const double eps = s.eps[sample];
  double after = total;
  for (int64_t i = threadIdx.x; i < n; i += kTeam) d[i] = best[i] - x0[i];
  __syncthreads();
  for (int64_t c = 0; c < s.channels; ++c) {
    const auto old_at = [&](int64_t r, int64_t q) {
      const int64_t e = c * pixels + r * s.width + q;
      return best[e] - x0[e];
    };
    double used[2];
    team.total_of<2>(
        static_cast<int>(area),
        [&](int e, double* out) {
          const int32_t r = e / at.width, q = e % at.width;
          out[0] = window_term<kNorm>(old_at(at.row + r, at.column + q));
          const int32_t r2 = at.row2 + r, q2 = at.column2 + q;
          out[1] = at.first(r2, q2) ? 0.0 : window_term<kNorm>(old_at(r2, q2));
        },
        used);
    const double norm1 = kNorm == Norm::kL2 ? sqrt(used[0]) : used[0];
    Repaint paint{sign_of(s, sample, c) ? 1.0f : -1.0f, norm1 > 0.0 ? 1.0 / norm1 : 0.0, 1.0};
    const auto new_at = [&](int64_t e) {
      const int64_t r = e / at.width, q = e % at.width;
      if (mask != nullptr && mask[(at.row + r) * s.width + at.column + q] == 0) return 0.0;
      return repaint(paint, tile[e], old_at(at.row + r, at.column + q));
    };
    double made;
    team.total_of<1>(
        static_cast<int>(area), [&](int e, double* out) { out[0] = window_term<kNorm>(new_at(e)); }, &made);
    const double length = kNorm == Norm::kL2 ? sqrt(made) : made;
    const double budget = budget_of<kNorm>(eps, total, used[0] + used[1], s.channels);
    paint.scale = length > 0.0 ? budget / length : 0.0;
    after += (length > 0.0 ? window_term<kNorm>(budget) : 0.0) - (used[0] + used[1]);
    for (int64_t e = threadIdx.x; e < area; e += kTeam) {
      d[c * pixels + (at.row2 + e / at.width) * s.width + at.column2 + e % at.width] = 0.0f;
    }
    __syncthreads();
    for (int64_t e = threadIdx.x; e < area; e += kTeam) {
      d[c * pixels + (at.row + e / at.width) * s.width + at.column + e % at.width] =
          static_cast<float>(new_at(e));
    }
    __syncthreads();
  }
  return after;
}

template <Norm kNorm>
__global__ void __launch_bounds__(kTeam, 2) square_kernel(Square s, Layout layout) {
  const int64_t sample = blockIdx.x, n = s.channels * s.height * s.width;
  const Windows at = windows_of(s, sample);
  if (threadIdx.x == 0) {
    s.window[2 * sample] = at.row;
    s.window[2 * sample + 1] = at.column;
  }
  float* x = s.x + sample * n;
  const float* x0 = s.x0 + sample * n;
  if constexpr (kNorm == Norm::kLinf) {
    if (!paint(s, sample, at, false)) paint(s, sample, at, true);
  } else if constexpr (kNorm == Norm::kL2) {
    Team<false> team(n, layout, 0);
    const double total = move_windows<kNorm>(s, sample, at, team);
    const double factor = to_sphere(total, s.eps[sample]);
    for (int64_t i = threadIdx.x; i < n; i += kTeam) {
      x[i] = clamp(static_cast<float>(x0[i] + factor * static_cast<double>(x[i])), 0.0f, 1.0f);
    }
  } else {
    Team<false> team(n, layout, 0);
    move_windows<kNorm>(s, sample, at, team);
    const MaskRow all{nullptr, 1, 1, false};
    move_l1(team, x, Column<false>{x, all, nullptr}, Column<false>{const_cast<float*>(x0), all, nullptr},
            s.eps[sample]);
  }
}

__global__ void __launch_bounds__(256) settle_kernel(Settle s) {
  const int64_t i = blockIdx.x;
  const float* from = s.accepted[i] != 0 ? s.x : s.best;
  float* to = s.accepted[i] != 0 ? s.best : s.x;
  const int64_t row = held(s.window[2 * i], 0, s.height), column = held(s.window[2 * i + 1], 0, s.width);
  const int64_t height = held(s.side[2 * i], 0, s.height - row);
  const int64_t width = held(s.side[2 * i + 1], 0, s.width - column);
  for (int64_t e = threadIdx.x; e < s.channels * height * width; e += blockDim.x) {
    const int64_t c = e / (height * width), r = e / width % height, q = e % width;
    const int64_t at = ((i * s.channels + c) * s.height + row + r) * s.width + column + q;
    to[at] = from[at];
  }
}

}  // namespace

void square(const Square& s, void* cuda_stream) {
  if (s.samples == 0 || s.channels * s.height * s.width == 0) return;
  const cudaStream_t stream = as_stream(cuda_stream);
  const int64_t n = s.channels * s.height * s.width;
  const Layout layout{0, static_cast<int>(n), fits_vectors(n, s.x, s.x0), 0};
  const auto kernel = s.norm == Norm::kLinf ? square_kernel<Norm::kLinf>
                      : s.norm == Norm::kL2 ? square_kernel<Norm::kL2>
                                            : square_kernel<Norm::kL1>;
  launch("square", kernel, {s.samples, kTeam}, stream, s, layout);
}

void square_settle(const Settle& s, void* cuda_stream) {
  if (s.samples == 0 || s.channels * s.height * s.width == 0) return;
  launch("square_settle", settle_kernel, {static_cast<unsigned>(s.samples), 256}, as_stream(cuda_stream), s);
}

}  // namespace advspur::cuda
