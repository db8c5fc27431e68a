// exp(x) for x <= 0 in single precision, with the same bits on every device and in every vector width.
#pragma once

#include <cstdint>

#include "core/ball.h"
#include "core/macros.h"

namespace advspur {

// Cephes' expf: x = n log 2 + f, a polynomial in f, times 2^n. About one unit in the last place; 0 below -87.
ADVSPUR_HD float exp_negative(float x) {
  const float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float held = x < -87.0f ? -87.0f : x;
  const float n = (held * 1.44269504088896341f + kRound) - kRound;
  const float f = (held - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * f + 1.3981999507e-3f;
  p = p * f + 8.3334519073e-3f;
  p = p * f + 4.1665795894e-2f;
  p = p * f + 1.6666665459e-1f;
  p = p * f + 5.0000001201e-1f;
  const float y = p * (f * f) + f + 1.0f;
  const float power = from_bits(static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23);
  return x < -87.0f ? 0.0f : y * power;
}

}  // namespace advspur
