// Words shared by the kernels that keep an image inside a norm ball and the pixel box.
#pragma once

#include <cstdint>

namespace advspur {

enum class Norm : int { kLinf = 0, kL2 = 1, kL1 = 2 };

// Samples that are flat runs of n floats, one after the other. n < 2^31.
struct Batch {
  int64_t samples;
  int64_t n;
};

// One byte a pixel, zero = this pixel keeps its clean value. data null: every pixel may change.
// planar: element e of a sample is pixel e % pixels (NCHW); interleaved: pixel e / (n / pixels) (NHWC).
struct Mask {
  const uint8_t* data = nullptr;
  int64_t pixels = 0;
  bool interleaved = false;
};

}  // namespace advspur
