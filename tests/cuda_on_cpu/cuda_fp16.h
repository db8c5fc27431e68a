#pragma once

#include "core/pixel.h"

struct __half {
  uint16_t bits;
};
inline __half __float2half_rn(float x) {
  return {advspur::to_float16(x)};
}
