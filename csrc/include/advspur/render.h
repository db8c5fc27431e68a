// Variants of images (clean, noise, fill, swap), all of a batch in one pass. No noise is ever stored.
#pragma once

#include <cstdint>

namespace advspur {

enum class VariantKind : int { kClean = 0, kNoiseStd = 1, kNoiseL2 = 2, kFill = 3, kSwap = 4 };
enum class Region : int { kForeground = 0, kBackground = 1, kEverywhere = 2 };
enum class OutType : int { kFloat32 = 0, kBFloat16 = 1, kFloat16 = 2 };

constexpr int kMaxVariants = 64;
constexpr int kRenderPart = 4096;  // pixels whose squared noise is summed as one, on every device

// Strides are in elements. bytes: uint8 (0..255 stands for 0..1), else float32.
struct ImageView {
  const void* data;
  bool bytes;
  int64_t batch, channel, row, column;
};
struct MaskView {
  const void* data;  // null if no variant has a region
  bool bytes;
  int64_t batch, row, column;
};

struct VariantTable {
  int count;
  int kind[kMaxVariants], region[kMaxVariants];
  float amount[kMaxVariants];  // std, l2 norm or value
};

struct RenderJob {
  int64_t n_samples, height, width;  // three channels
  ImageView images, partners;        // partners.data: null if no variant swaps
  MaskView masks;                    // 1 = foreground
  const int64_t* ids;
  VariantTable variants;
  uint64_t seed;
  uint32_t stream;
  float mean[3], scale[3];  // out = (x - mean) * scale; 0 and 1 leave x as it is
  void* out;                // (V, B, 3, H, W) contiguous, or (V, B, H, W, 3) if channels_last
  OutType out_type;
  bool channels_last;
  bool* empty;      // (V, B): set where l2 noise met an empty region
  double* scratch;  // (B, parts, 3) with parts = ceil(H*W / kRenderPart); used by l2 noise alone
};

namespace cpu {
void render(const RenderJob& job, int threads);
}
namespace cuda {
// All pointers are on the device. Throws std::runtime_error if a launch fails.
void render(const RenderJob& job, void* cuda_stream);
}  // namespace cuda

}  // namespace advspur
