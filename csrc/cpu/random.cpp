#include "advspur/random.h"

#include "core/macros.h"
#include "core/normal.h"
#include "core/philox.h"

namespace advspur::cpu {
namespace {

constexpr int64_t kBlocks = 64;  // blocks drawn together: 1 KiB of lanes, wide enough for any vector unit

template <Draw kind, class T>
ADVSPUR_HD void write_sample(T* out, int64_t n, uint64_t seed, uint64_t id, uint32_t stream) {
  T tile[4 * kBlocks];
  for (int64_t start = 0; start < n; start += 4 * kBlocks) {
    const uint32_t first = static_cast<uint32_t>(start / 4);
    for (uint32_t b = 0; b < kBlocks; ++b) {
      if constexpr (kind == Draw::kNormal) {
        draw_normals(seed, id, stream, first + b, tile + 4 * b);
      } else {
        const Philox4 p = draw_block(seed, id, stream, first + b);
        for (int lane = 0; lane < 4; ++lane) {
          if constexpr (kind == Draw::kUniform) {
            tile[4 * b + lane] = to_uniform(p.lane[lane]);
          } else {
            tile[4 * b + lane] = static_cast<T>(p.lane[lane]);
          }
        }
      }
    }
    const int64_t count = n - start < 4 * kBlocks ? n - start : 4 * kBlocks;
    for (int64_t i = 0; i < count; ++i) out[start + i] = tile[i];
  }
}

ADVSPUR_CLONES void sample_bits(int32_t* out, int64_t n, uint64_t seed, uint64_t id, uint32_t stream) {
  write_sample<Draw::kBits>(out, n, seed, id, stream);
}
ADVSPUR_CLONES void sample_uniform(float* out, int64_t n, uint64_t seed, uint64_t id, uint32_t stream) {
  write_sample<Draw::kUniform>(out, n, seed, id, stream);
}
ADVSPUR_CLONES void sample_normal(float* out, int64_t n, uint64_t seed, uint64_t id, uint32_t stream) {
  write_sample<Draw::kNormal>(out, n, seed, id, stream);
}

}  // namespace

void draw(Draw kind, void* out, const int64_t* ids, int64_t n_samples, int64_t n, uint64_t seed,
          uint32_t stream, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < n_samples; ++i) {
    const uint64_t id = static_cast<uint64_t>(ids[i]);
    if (kind == Draw::kBits) {
      sample_bits(static_cast<int32_t*>(out) + i * n, n, seed, id, stream);
    } else if (kind == Draw::kUniform) {
      sample_uniform(static_cast<float*>(out) + i * n, n, seed, id, stream);
    } else {
      sample_normal(static_cast<float*>(out) + i * n, n, seed, id, stream);
    }
  }
}

}  // namespace advspur::cpu
