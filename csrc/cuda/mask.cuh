#pragma once

#include "advspur/ball.h"

namespace advspur::cuda {

// Whether element e of a sample may change.
struct MaskRow {
  const uint8_t* row;  // null: every element may
  uint32_t pixels, channels;
  bool interleaved;

  __device__ __forceinline__ bool operator()(uint32_t e) const {
    if (row == nullptr) return true;
    return row[interleaved ? e / channels : e % pixels] != 0;
  }
};

__device__ __forceinline__ MaskRow mask_row(const Mask& mask, int64_t n, int64_t sample) {
  if (mask.data == nullptr) return {nullptr, 1, 1, false};
  return {mask.data + sample * mask.pixels, static_cast<uint32_t>(mask.pixels),
          static_cast<uint32_t>(n / mask.pixels), mask.interleaved};
}

}  // namespace advspur::cuda
