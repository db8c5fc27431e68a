#include "advspur/random.h"
#include "core/normal.h"
#include "core/philox.h"
#include "cuda/elements.cuh"
#include "cuda/launch.cuh"

namespace advspur::cuda {
namespace {

constexpr int kDraws = 4;  // blocks of four numbers that a thread draws: their chains of arithmetic overlap

template <Draw kind, class T>
__device__ __forceinline__ void draw_four(uint64_t seed, uint64_t id, uint32_t stream, uint32_t b,
                                          T value[4]) {
  if constexpr (kind == Draw::kNormal) {
    draw_normals(seed, id, stream, b, value);
  } else {
    const Philox4 p = draw_block(seed, id, stream, b);
#pragma unroll
    for (int lane = 0; lane < 4; ++lane) {
      value[lane] =
          kind == Draw::kUniform ? static_cast<T>(to_uniform(p.lane[lane])) : static_cast<T>(p.lane[lane]);
    }
  }
}

template <Draw kind, class T, bool kVector>
__global__ void __launch_bounds__(kThreads)
    draw_kernel(T* out, const int64_t* ids, int64_t n, int64_t blocks, uint64_t seed, uint32_t stream) {
  const int64_t sample = blockIdx.x / blocks, part = blockIdx.x % blocks, n_blocks = (n + 3) / 4;
  const uint64_t id = static_cast<uint64_t>(ids[sample]);
  T* row = out + sample * n;
#pragma unroll
  for (int k = 0; k < kDraws; ++k) {
    const int64_t b = (part * kDraws + k) * kThreads + threadIdx.x;
    if (b >= n_blocks) return;
    T value[4];
    draw_four<kind>(seed, id, stream, static_cast<uint32_t>(b), value);
    if constexpr (kVector) {
      store_four(row + 4 * b, value);
    } else {
      for (int lane = 0; lane < 4 && 4 * b + lane < n; ++lane) row[4 * b + lane] = value[lane];
    }
  }
}

template <Draw kind, class T>
void draw_all(T* out, const int64_t* ids, int64_t n_samples, int64_t n, uint64_t seed, uint32_t stream,
              cudaStream_t cuda_stream) {
  constexpr int64_t kNumbers = int64_t{4} * kDraws * kThreads;
  const int64_t blocks = (n + kNumbers - 1) / kNumbers;
  const auto kernel = fits_vectors(n, out) ? draw_kernel<kind, T, true> : draw_kernel<kind, T, false>;
  launch("draw", kernel, {n_samples * blocks, kThreads}, cuda_stream, out, ids, n, blocks, seed, stream);
}

}  // namespace

void draw(Draw kind, void* out, const int64_t* ids, int64_t n_samples, int64_t n, uint64_t seed,
          uint32_t stream, void* cuda_stream) {
  if (n_samples == 0 || n == 0) return;
  const cudaStream_t s = as_stream(cuda_stream);
  if (kind == Draw::kBits) {
    draw_all<Draw::kBits>(static_cast<int32_t*>(out), ids, n_samples, n, seed, stream, s);
  } else if (kind == Draw::kUniform) {
    draw_all<Draw::kUniform>(static_cast<float*>(out), ids, n_samples, n, seed, stream, s);
  } else {
    draw_all<Draw::kNormal>(static_cast<float*>(out), ids, n_samples, n, seed, stream, s);
  }
}

}  // namespace advspur::cuda
