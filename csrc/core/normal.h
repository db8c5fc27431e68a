// Box-Muller in float32 with our own logarithm and sine, so that a draw has the same bits on every CPU and
// GPU.
//
// No fused multiply-add is used and both compilers are told not to form one; every operation below is then
// correctly rounded everywhere. Polynomials: S. Moshier's Cephes (logf, sinf, cosf), error about 1e-7.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/macros.h"
#include "core/philox.h"

namespace advspur {

ADVSPUR_HD float bits_to_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

ADVSPUR_HD uint32_t float_to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// The functions below come in stages, so that a CPU kernel can run one stage over a whole tile before the
// next: each chain of dependent operations is then short enough for the processor to overlap many.

// Natural logarithm of a normal positive float, in three stages: x = (1 + f) * 2^e with 1 + f in [sqrt(1/2),
// sqrt(2)); a polynomial in f, cut in two; their sum.
struct LogSplit {
  float e, f;
};

ADVSPUR_HD LogSplit log_split(float x) {
  // Adding the bit pattern of 1 - sqrt(1/2) rounds the exponent where it should.
  const uint32_t shifted = float_to_bits(x) + (0x3F800000u - 0x3F3504F3u);
  return {static_cast<float>(static_cast<int32_t>(shifted >> 23) - 127),
          bits_to_float((shifted & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f};
}

ADVSPUR_HD float log_polynomial_head(float f) {
  float y = 7.0376836292e-2f;
  y = y * f - 1.1514610310e-1f;
  y = y * f + 1.1676998740e-1f;
  y = y * f - 1.2420140846e-1f;
  return y * f + 1.4249322787e-1f;
}

ADVSPUR_HD float log_polynomial_tail(float y, float f) {
  y = y * f - 1.6668057665e-1f;
  y = y * f + 2.0000714765e-1f;
  y = y * f - 2.4999993993e-1f;
  return y * f + 3.3333331174e-1f;
}

ADVSPUR_HD float log_join(float e, float f, float y) {
  const float z = f * f;
  y = y * f * z;
  y = y - 2.12194440e-4f * e;
  y = y - 0.5f * z;
  return (f + y) + 0.693359375f * e;
}

// cos(2 pi v) and sin(2 pi v) for v in [0, 1), in three stages: the quarter turn and the angle a within it;
// the polynomials; which is which, and the signs.
struct TurnSplit {
  int32_t quadrant;
  float a;
};

ADVSPUR_HD TurnSplit turn_split(float v) {
  const float t = 4.0f * v;
  const int32_t quadrant = static_cast<int32_t>(t + 0.5f);
  return {quadrant, (t - static_cast<float>(quadrant)) * 1.57079632679489662f};
}

ADVSPUR_HD float small_sine(float a) {
  const float z = a * a;
  return ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * a + a;
}

ADVSPUR_HD float small_cosine(float a) {
  const float z = a * a;
  return ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z -
         0.5f * z + 1.0f;
}

ADVSPUR_HD void turn_join(int32_t quadrant, float s, float c, float* cosine, float* sine) {
  const bool swap = quadrant & 1;
  const float cos_abs = swap ? s : c;
  const float sin_abs = swap ? c : s;
  *cosine = ((quadrant + 1) & 2) ? -cos_abs : cos_abs;
  *sine = (quadrant & 2) ? -sin_abs : sin_abs;
}

// Box-Muller: the radius comes from a word made a uniform in (0, 1], so that its logarithm is finite.
ADVSPUR_HD float radius_uniform(uint32_t bits) {
  return static_cast<float>((bits >> 8) + 1u) * 0x1p-24f;
}

ADVSPUR_HD float radius_of_log(float log_u) {
  return sqrtf(-2.0f * log_u);
}

// Two independent standard normals from two words.
ADVSPUR_HD void box_muller(uint32_t a, uint32_t b, float* first, float* second) {
  const LogSplit u = log_split(radius_uniform(a));
  const float y = log_polynomial_tail(log_polynomial_head(u.f), u.f);
  const float radius = radius_of_log(log_join(u.e, u.f, y));
  const TurnSplit turn = turn_split(to_uniform(b));
  float c, s;
  turn_join(turn.quadrant, small_sine(turn.a), small_cosine(turn.a), &c, &s);
  *first = radius * c;
  *second = radius * s;
}

// The four normals of one block: elements 4*block .. 4*block+3 of the sample's stream.
ADVSPUR_HD void draw_normals(uint64_t seed, uint64_t id, uint32_t stream, uint32_t block, float out[4]) {
  const Philox4 p = draw_block(seed, id, stream, block);
  box_muller(p.lane[0], p.lane[1], &out[0], &out[1]);
  box_muller(p.lane[2], p.lane[3], &out[2], &out[3]);
}

}  // namespace advspur
