#include "cpu/render_tile.h"

#include <cstring>

#include "core/macros.h"
#include "core/pixel.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace advspur::cpu {

ADVSPUR_CLONES void bytes_to_units(float* out, const uint8_t* bytes, int n) {
  for (int i = 0; i < n; ++i) out[i] = byte_to_unit(bytes[i]);
}

ADVSPUR_CLONES void bytes_to_planes(float* planes, const uint8_t* bytes, int n) {
  float units[3 * kTilePixels];
  for (int i = 0; i < 3 * n; ++i) units[i] = byte_to_unit(bytes[i]);
  for (int i = 0; i < n; ++i) {
    planes[i] = units[3 * i];
    planes[kTilePixels + i] = units[3 * i + 1];
    planes[2 * kTilePixels + i] = units[3 * i + 2];
  }
}

ADVSPUR_CLONES void one_minus(float* out, const float* m, int n) {
  for (int i = 0; i < n; ++i) out[i] = 1.0f - m[i];
}

ADVSPUR_CLONES void clean_row(float* __restrict y, const float* x, Affine affine, int n) {
  for (int i = 0; i < n; ++i) y[i] = (clamp_unit(x[i]) - affine.mean) * affine.scale;
}

ADVSPUR_CLONES void noise_row(float* __restrict y, const float* x, const float* weight, const float* z,
                              float amount, Affine affine, int n) {
  for (int i = 0; i < n; ++i) {
    y[i] = (add_noise(x[i], amount, weight[i], z[i]) - affine.mean) * affine.scale;
  }
}

ADVSPUR_CLONES void blend_row(float* __restrict y, const float* x, const float* rest, const float* other,
                              const float* weight, Affine affine, int n) {
  for (int i = 0; i < n; ++i) {
    y[i] = (blend(x[i], rest[i], other[i], weight[i]) - affine.mean) * affine.scale;
  }
}

ADVSPUR_CLONES void add_squares(double sums[3], const float* m, const float* rest, const float* z, int n) {
  constexpr int kLanes = 16;
  float foreground[kLanes] = {}, background[kLanes] = {}, all[kLanes] = {};
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const float value = z[i + lane], f = m[i + lane] * value, b = rest[i + lane] * value;
      foreground[lane] += f * f;
      background[lane] += b * b;
      all[lane] += value * value;
    }
  }
  for (; i < n; ++i) {
    const float f = m[i] * z[i], b = rest[i] * z[i];
    foreground[0] += f * f;
    background[0] += b * b;
    all[0] += z[i] * z[i];
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    sums[0] += foreground[lane];
    sums[1] += background[lane];
    sums[2] += all[lane];
  }
}

ADVSPUR_CLONES void cast_row(void* out, const float* y, OutType type, int n) {
  uint16_t* halves = static_cast<uint16_t*>(out);
  if (type == OutType::kFloat32) {
    memcpy(out, y, sizeof(float) * n);
  } else if (type == OutType::kBFloat16) {
    for (int i = 0; i < n; ++i) halves[i] = to_bfloat16(y[i]);
  } else {
    for (int i = 0; i < n; ++i) halves[i] = to_float16(y[i]);
  }
}

template <class T>
ADVSPUR_HD void interleave(T* __restrict out, const T* a, const T* b, const T* c, int n) {
  for (int i = 0; i < n; ++i) {
    out[3 * i] = a[i];
    out[3 * i + 1] = b[i];
    out[3 * i + 2] = c[i];
  }
}

ADVSPUR_CLONES void cast_interleaved(void* out, const float* planes, OutType type, int n) {
  if (type == OutType::kFloat32) {
    interleave(static_cast<float*>(out), planes, planes + kTilePixels, planes + 2 * kTilePixels, n);
    return;
  }
  uint16_t halves[3 * kTilePixels];
  for (int c = 0; c < 3; ++c) {
    const float* y = planes + c * kTilePixels;
    uint16_t* row = halves + c * kTilePixels;
    if (type == OutType::kBFloat16) {
      for (int i = 0; i < n; ++i) row[i] = to_bfloat16(y[i]);
    } else {
      for (int i = 0; i < n; ++i) row[i] = to_float16(y[i]);
    }
  }
  interleave(static_cast<uint16_t*>(out), halves, halves + kTilePixels, halves + 2 * kTilePixels, n);
}

void stream_out(void* out, const void* from, int64_t bytes) {
#if defined(__SSE2__)
  char* to = static_cast<char*>(out);
  const char* source = static_cast<const char*>(from);
  // Whole cache lines go past the caches; what lies before and after them does not.
  int64_t head = -reinterpret_cast<intptr_t>(to) & 63;
  if (head > bytes) head = bytes;
  memcpy(to, source, head);
  int64_t i = head;
  for (; i + 64 <= bytes; i += 64) {
    for (int k = 0; k < 64; k += 16) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + i + k),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + i + k)));
    }
  }
  memcpy(to + i, source + i, bytes - i);
#else
  memcpy(out, from, bytes);
#endif
}

void finish_streaming() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace advspur::cpu
