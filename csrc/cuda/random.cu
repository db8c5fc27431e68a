#include "advspur/random.h"
#include "core/normal.h"
#include "core/philox.h"
#include "cuda/launch.cuh"

namespace advspur::cuda {
namespace {

template <Draw kind, class T>
__global__ void draw_kernel(T* out, const int64_t* ids, int64_t n, uint64_t seed, uint32_t stream) {
  const uint64_t id = static_cast<uint64_t>(ids[blockIdx.y]);
  T* row = out + static_cast<int64_t>(blockIdx.y) * n;
  const int64_t n_blocks = (n + 3) / 4;
  for (int64_t b = blockIdx.x * int64_t{blockDim.x} + threadIdx.x; b < n_blocks;
       b += int64_t{blockDim.x} * gridDim.x) {
    T value[4];
    if constexpr (kind == Draw::kNormal) {
      draw_normals(seed, id, stream, static_cast<uint32_t>(b), value);
    } else {
      const Philox4 p = draw_block(seed, id, stream, static_cast<uint32_t>(b));
      for (int lane = 0; lane < 4; ++lane) {
        if constexpr (kind == Draw::kUniform) {
          value[lane] = to_uniform(p.lane[lane]);
        } else {
          value[lane] = static_cast<T>(p.lane[lane]);
        }
      }
    }
    for (int lane = 0; lane < 4; ++lane) {
      if (4 * b + lane < n) row[4 * b + lane] = value[lane];
    }
  }
}

template <Draw kind, class T>
void launch(void* out, const int64_t* ids, int64_t n_samples, int64_t n, uint64_t seed, uint32_t stream,
            cudaStream_t cuda_stream) {
  constexpr int kThreads = 256;
  constexpr int64_t kMaxRows = 65535;  // limit of gridDim.y
  for (int64_t start = 0; start < n_samples; start += kMaxRows) {
    const int64_t rows = n_samples - start < kMaxRows ? n_samples - start : kMaxRows;
    int64_t columns = ((n + 3) / 4 + kThreads - 1) / kThreads;
    if (columns > 1024) columns = 1024;
    const dim3 grid(static_cast<unsigned>(columns), static_cast<unsigned>(rows));
    draw_kernel<kind, T>
        <<<grid, kThreads, 0, cuda_stream>>>(static_cast<T*>(out) + start * n, ids + start, n, seed, stream);
    check_launch("draw");
  }
}

}  // namespace

void draw(Draw kind, void* out, const int64_t* ids, int64_t n_samples, int64_t n, uint64_t seed,
          uint32_t stream, void* cuda_stream) {
  if (n_samples == 0 || n == 0) return;
  const cudaStream_t s = as_stream(cuda_stream);
  if (kind == Draw::kBits) {
    launch<Draw::kBits, int32_t>(out, ids, n_samples, n, seed, stream, s);
  } else if (kind == Draw::kUniform) {
    launch<Draw::kUniform, float>(out, ids, n_samples, n, seed, stream, s);
  } else {
    launch<Draw::kNormal, float>(out, ids, n_samples, n, seed, stream, s);
  }
}

}  // namespace advspur::cuda
