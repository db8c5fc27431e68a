#pragma once

#include "core/pixel.h"

struct __nv_bfloat16 {
  uint16_t bits;
};
inline __nv_bfloat16 __float2bfloat16_rn(float x) {
  return {advspur::to_bfloat16(x)};
}
