// The arithmetic of one pixel value, the same on every device. Nothing here may be contracted or reordered.
#pragma once

#include <cstdint>

#include "advspur/render.h"
#include "core/macros.h"
#include "core/normal.h"

namespace advspur {

// v / 255, correctly rounded for every byte (checked in the tests): the first product is exact, as its factor
// has 16 bits, and the second is too small to spoil the sum. Much cheaper than a division.
ADVSPUR_HD float byte_to_unit(uint32_t v) {
  constexpr float kHigh = 0x1.01p-8f;
  constexpr float kLow = static_cast<float>(1.0 / 255.0 - 0x1.01p-8);
  const float f = static_cast<float>(static_cast<int32_t>(v));
  return f * kHigh + f * kLow;
}

// How much of a pixel changes, from its mask value.
ADVSPUR_HD float region_weight(int region, float m) {
  return region == static_cast<int>(Region::kForeground)   ? m
         : region == static_cast<int>(Region::kBackground) ? 1.0f - m
                                                           : 1.0f;
}

// How much of it stays: 1 - weight, but exactly m for the background.
ADVSPUR_HD float region_rest(int region, float m) {
  return region == static_cast<int>(Region::kForeground)   ? 1.0f - m
         : region == static_cast<int>(Region::kBackground) ? m
                                                           : 0.0f;
}

// The clamp to [0, 1], in its two halves. NaN stays NaN. (A CPU kernel runs the halves in two loops: in one,
// the vectoriser nests the conditions and makes a dozen instructions of four.)
ADVSPUR_HD float at_least_zero(float x) {
#if defined(__CUDA_ARCH__)
  asm("max.NaN.f32 %0, %0, 0f00000000;" : "+f"(x));
  return x;
#else
  return 0.0f > x ? 0.0f : x;
#endif
}

ADVSPUR_HD float at_most_one(float x) {
#if defined(__CUDA_ARCH__)
  asm("min.NaN.f32 %0, %0, 0f3F800000;" : "+f"(x));
  return x;
#else
  return 1.0f < x ? 1.0f : x;
#endif
}

ADVSPUR_HD float add_noise(float x, float amount, float weight, float z) {
  return at_least_zero(x + amount * weight * z);
}

ADVSPUR_HD float blend(float x, float rest, float other, float weight) {
  return at_least_zero(rest * x + weight * other);
}

// The last step of every variant, after add_noise, blend or at_least_zero.
ADVSPUR_HD float finish(float y, float mean, float scale) {
  return (at_most_one(y) - mean) * scale;
}

// Size of l2 noise over the norm of what it scales; 0 for an empty region.
ADVSPUR_HD float l2_factor(float size, double norm_squared) {
  return norm_squared > 0.0 ? static_cast<float>(static_cast<double>(size) / sqrt(norm_squared)) : 0.0f;
}

// Round to nearest, ties to even.
ADVSPUR_HD uint16_t to_bfloat16(float x) {
  const uint32_t bits = float_to_bits(x);
  const uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<uint16_t>(x != x ? 0x7FC0u : rounded);
}

// Round to nearest, ties to even; beyond 65,504 infinity. After F. Giesen.
ADVSPUR_HD uint16_t to_float16(float x) {
  const uint32_t bits = float_to_bits(x);
  const uint32_t sign = (bits >> 16) & 0x8000u, a = bits & 0x7FFFFFFFu;
  // Adding 1/2 to a small number moves its half-precision bits to the low end, rounded by the adder.
  const uint32_t small = float_to_bits(bits_to_float(a) + 0.5f) - 0x3F000000u;
  const uint32_t normal = (a - 0x38000000u + 0x0FFFu + ((a >> 13) & 1u)) >> 13;
  const uint32_t finite = a < 0x38800000u ? small : normal;
  const uint32_t value = a >= 0x47800000u ? (a > 0x7F800000u ? 0x7E00u : 0x7C00u) : finite;
  return static_cast<uint16_t>(sign | value);
}

}  // namespace advspur
