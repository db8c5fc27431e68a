// One pass for all variants: a thread holds four neighbouring pixels (three channels each) and their noise in
// registers, and writes every variant of them. l2 noise needs the norms first, a second kernel that draws the
// same noise again. Nothing waits, nothing is allocated.
#include "advspur/render.h"
#include "core/normal.h"
#include "core/pixel.h"
#include "cuda/launch.cuh"
#include "cuda/render_io.cuh"

namespace advspur::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kTile = kThreads * kQuad;  // pixels of a block
static_assert(kRenderPart % kTile == 0, "a part is a whole number of blocks");

struct Shape {
  int64_t pixels, tiles, parts;
  bool noise, norms, masks;
};

// Noise is numbered in C order of (3, H, W); without kFast the four values may straddle two blocks.
template <bool kFast>
__device__ void draw_noise(float z[3][kQuad], const RenderJob& job, int64_t sample, int64_t pixels,
                           int64_t pixel) {
  const uint64_t id = static_cast<uint64_t>(job.ids[sample]);
#pragma unroll
  for (int c = 0; c < 3; ++c) {
    const int64_t element = c * pixels + pixel;
    const uint32_t block = static_cast<uint32_t>(element / 4);
    if (kFast) {
      draw_normals(job.seed, id, job.stream, block, z[c]);
    } else {
      const int offset = static_cast<int>(element % 4);
      float both[2 * kQuad];
      draw_normals(job.seed, id, job.stream, block, both);
      draw_normals(job.seed, id, job.stream, block + 1, both + kQuad);
#pragma unroll
      for (int i = 0; i < kQuad; ++i) {
        z[c][i] = offset == 0 ? both[i] : offset == 1 ? both[i + 1] : offset == 2 ? both[i + 2] : both[i + 3];
      }
    }
  }
}

// ---- l2 noise: sums of squares of one part
// --------------------------------------------------------------------------

__device__ double block_sum(double value, double* shared) {
  for (int step = 16; step > 0; step /= 2) value += __shfl_down_sync(0xFFFFFFFFu, value, step);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  double total = 0.0;
  if (threadIdx.x == 0) {
    for (int warp = 0; warp < kThreads / 32; ++warp) total += shared[warp];
  }
  __syncthreads();
  return total;  // in thread 0
}

template <bool kFast>
__global__ void __launch_bounds__(kThreads)
    norm_kernel(const __grid_constant__ RenderJob job, const __grid_constant__ Shape shape) {
  ADVSPUR_SHARED(shared, double[kThreads / 32]);
  const int64_t sample = blockIdx.x / shape.parts, part = blockIdx.x % shape.parts;
  float sums[3] = {0.0f, 0.0f, 0.0f};
  for (int step = 0; step < kRenderPart / kTile; ++step) {
    const int64_t pixel = part * kRenderPart + step * kTile + threadIdx.x * kQuad;
    if (pixel >= shape.pixels) break;
    const int n = static_cast<int>(shape.pixels - pixel < kQuad ? shape.pixels - pixel : kQuad);
    float z[3][kQuad], m[kQuad] = {};
    draw_noise<kFast>(z, job, sample, shape.pixels, pixel);
    if (shape.masks) load_mask<kFast>(m, job.masks, sample, job.width, pixel, n);
#pragma unroll
    for (int i = 0; i < kQuad; ++i) {
      if (i >= n) continue;
#pragma unroll
      for (int c = 0; c < 3; ++c) {
        const float f = m[i] * z[c][i], b = (1.0f - m[i]) * z[c][i];
        sums[0] += f * f;
        sums[1] += b * b;
        sums[2] += z[c][i] * z[c][i];
      }
    }
  }
  for (int r = 0; r < 3; ++r) {
    const double total = block_sum(static_cast<double>(sums[r]), shared);
    if (threadIdx.x == 0) job.scratch[blockIdx.x * int64_t{3} + r] = total;
  }
}

// ---- the variants
// ---------------------------------------------------------------------------------------------------

// One number a variant: its amount, or for l2 noise its size over the norm.
__device__ float find_amount(const RenderJob& job, const Shape& shape, int v, int64_t sample, bool note) {
  const float amount = job.variants.amount[v];
  if (static_cast<VariantKind>(job.variants.kind[v]) != VariantKind::kNoiseL2) return amount;
  const double* sums = job.scratch + sample * shape.parts * 3 + job.variants.region[v];
  double total = 0.0;
  for (int64_t part = 0; part < shape.parts; ++part) total += sums[3 * part];
  if (note) job.empty[v * job.n_samples + sample] = !(total > 0.0);
  return l2_factor(amount, total);
}

template <class F>
__device__ __forceinline__ void for_values(F f) {
#pragma unroll
  for (int c = 0; c < 3; ++c) {
#pragma unroll
    for (int i = 0; i < kQuad; ++i) f(c, i);
  }
}

template <class T, bool kFast, bool kChannelsLast>
__global__ void __launch_bounds__(kThreads, kFast ? 3 : 2)
    render_kernel(const __grid_constant__ RenderJob job, const __grid_constant__ Shape shape) {
  ADVSPUR_SHARED(amount, float[kMaxVariants]);
  // A warp's room to turn its pixels around: 96 quads of output, or 24 vectors of bytes.
  constexpr int kRoom = !kFast ? 1 : kChannelsLast || sizeof(T) == 2 ? 96 * sizeof(Quad<T>) / 16 : 24;
  ADVSPUR_SHARED(staging, uint4[kThreads / 32 * kRoom]);
  uint4* staged = staging + threadIdx.x / 32 * kRoom;
  const int64_t sample = blockIdx.x / shape.tiles, tile = blockIdx.x % shape.tiles;
  if (static_cast<int>(threadIdx.x) < job.variants.count) {
    amount[threadIdx.x] = find_amount(job, shape, threadIdx.x, sample, tile == 0);
  }
  __syncthreads();

  // Threads beyond the image stay with their warp and write nothing.
  const int64_t pixel = tile * kTile + threadIdx.x * kQuad, left = shape.pixels - pixel;
  const int n = left <= 0 ? 0 : left < kQuad ? static_cast<int>(left) : kQuad;
  float x[3][kQuad] = {}, z[3][kQuad] = {}, m[kQuad] = {};
  load_image<kFast>(x, job.images, sample, job.width, pixel, n, staged);
  if (n > 0) {
    if (shape.masks) load_mask<kFast>(m, job.masks, sample, job.width, pixel, n);
    if (shape.noise) draw_noise<kFast>(z, job, sample, shape.pixels, pixel);
  }

  for (int v = 0; v < job.variants.count; ++v) {
    const VariantKind kind = static_cast<VariantKind>(job.variants.kind[v]);
    const int region = job.variants.region[v];
    const float size = amount[v];
    float y[3][kQuad] = {};
    if (kind == VariantKind::kClean) {
      for_values([&](int c, int i) { y[c][i] = at_least_zero(x[c][i]); });
    } else if (kind == VariantKind::kNoiseStd || kind == VariantKind::kNoiseL2) {
      for_values(
          [&](int c, int i) { y[c][i] = add_noise(x[c][i], size, region_weight(region, m[i]), z[c][i]); });
    } else {
      // A partner is read here and not kept: swaps are few, registers are fewer.
      if (kind == VariantKind::kFill) {
        for_values([&](int c, int i) { y[c][i] = size; });
      } else {
        load_image<kFast>(y, job.partners, sample, job.width, pixel, n, staged);
      }
      for_values([&](int c, int i) {
        y[c][i] = blend(x[c][i], region_rest(region, m[i]), y[c][i], region_weight(region, m[i]));
      });
    }
    for_values([&](int c, int i) { y[c][i] = finish(y[c][i], job.mean[c], job.scale[c]); });
    const int64_t image = v * job.n_samples + sample;
    store<T, kFast, kChannelsLast>(job, y, image, shape.pixels, pixel, n, reinterpret_cast<Quad<T>*>(staged));
  }
}

// ---- launching
// ------------------------------------------------------------------------------------------------------

bool aligned(const void* data, uintptr_t bytes) {
  return reinterpret_cast<uintptr_t>(data) % bytes == 0;
}

bool is_fast(const ImageView& v, int64_t width) {
  if (!v.data) return true;
  if (v.bytes) {
    return v.channel == 1 && v.column == 3 && v.row == 3 * width && v.batch % 16 == 0 && aligned(v.data, 16);
  }
  return v.column == 1 && v.row == width && v.channel % 4 == 0 && v.batch % 4 == 0 && aligned(v.data, 16);
}

bool is_fast(const MaskView& v, int64_t width) {
  return !v.data ||
         (v.column == 1 && v.row == width && v.batch % 4 == 0 && aligned(v.data, v.bytes ? 4 : 16));
}

Shape find_shape(const RenderJob& job) {
  const int64_t pixels = job.height * job.width;
  Shape shape{pixels, (pixels + kTile - 1) / kTile, (pixels + kRenderPart - 1) / kRenderPart, false, false,
              false};
  for (int v = 0; v < job.variants.count; ++v) {
    const VariantKind kind = static_cast<VariantKind>(job.variants.kind[v]);
    const bool everywhere = static_cast<Region>(job.variants.region[v]) == Region::kEverywhere;
    shape.norms |= kind == VariantKind::kNoiseL2;
    shape.noise |= kind == VariantKind::kNoiseStd || kind == VariantKind::kNoiseL2;
    shape.masks |= kind != VariantKind::kClean && !everywhere;
  }
  return shape;
}

template <class T, bool kFast>
void render_as(const RenderJob& job, const Shape& shape, cudaStream_t stream) {
  if (shape.norms) {
    launch("render", norm_kernel<kFast>, {job.n_samples * shape.parts, kThreads}, stream, job, shape);
  }
  const auto kernel = job.channels_last ? render_kernel<T, kFast, true> : render_kernel<T, kFast, false>;
  launch("render", kernel, {job.n_samples * shape.tiles, kThreads}, stream, job, shape);
}

template <class T>
void render_as(const RenderJob& job, const Shape& shape, cudaStream_t stream) {
  const bool fast = shape.pixels % 16 == 0 && aligned(job.out, 16) && is_fast(job.images, job.width) &&
                    is_fast(job.partners, job.width) && is_fast(job.masks, job.width);
  if (fast) {
    render_as<T, true>(job, shape, stream);
  } else {
    render_as<T, false>(job, shape, stream);
  }
}

}  // namespace

void render(const RenderJob& job, void* cuda_stream) {
  if (job.n_samples == 0 || job.variants.count == 0) return;
  const Shape shape = find_shape(job);
  const cudaStream_t stream = as_stream(cuda_stream);
  if (job.out_type == OutType::kFloat32) {
    render_as<float>(job, shape, stream);
  } else if (job.out_type == OutType::kBFloat16) {
    render_as<__nv_bfloat16>(job, shape, stream);
  } else {
    render_as<__half>(job, shape, stream);
  }
}

}  // namespace advspur::cuda
