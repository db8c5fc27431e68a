// 16-bit floats to 32 bits, from their bit patterns: exact, no hardware support needed.
#pragma once

#include <cstdint>

#include "core/ball.h"
#include "core/macros.h"

namespace advspur {

ADVSPUR_HD float widen_bfloat16(uint16_t bits) {
  return from_bits(static_cast<uint32_t>(bits) << 16);
}

ADVSPUR_HD float widen_float16(uint16_t bits) {
  const uint32_t size = bits & 0x7FFFu, sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t rebias = 112u << 23;
  const float small = static_cast<float>(static_cast<int32_t>(size)) * 0x1p-24f;  // subnormal and zero
  const uint32_t large = (size << 13) + rebias + (size >= 0x7C00u ? rebias : 0u);
  return from_bits((size < 0x0400u ? to_bits(small) : large) | sign);
}

}  // namespace advspur
