// Random numbers that belong to a sample: the same for any batch, order, thread count and device.
#pragma once

#include <cstdint>

namespace advspur {

enum class Draw : int { kBits = 0, kUniform = 1, kNormal = 2 };

// out: (n_samples, n) contiguous, int32 (bit patterns) for kBits, float32 otherwise. ids: n_samples.
namespace cpu {
void draw(Draw kind, void* out, const int64_t* ids, int64_t n_samples, int64_t n, uint64_t seed,
          uint32_t stream, int threads);
}
namespace cuda {
// cuda_stream: a cudaStream_t. ids lives on the device. Throws std::runtime_error if the launch fails.
void draw(Draw kind, void* out, const int64_t* ids, int64_t n_samples, int64_t n, uint64_t seed,
          uint32_t stream, void* cuda_stream);
}  // namespace cuda

}  // namespace advspur
