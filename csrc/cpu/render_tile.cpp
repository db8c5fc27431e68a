#include "cpu/render_tile.h"

#include <cstring>

#include "core/macros.h"
#include "core/pixel.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
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

ADVSPUR_CLONES void clean_row(float* __restrict y, const float* __restrict x, int n) {
  for (int i = 0; i < n; ++i) y[i] = at_least_zero(x[i]);
}

ADVSPUR_CLONES void noise_row(float* __restrict y, const float* __restrict x, const float* __restrict weight,
                              const float* __restrict z, float amount, int n) {
  for (int i = 0; i < n; ++i) y[i] = add_noise(x[i], amount, weight[i], z[i]);
}

ADVSPUR_CLONES void blend_row(float* __restrict y, const float* __restrict x, const float* __restrict rest,
                              const float* __restrict other, const float* __restrict weight, int n) {
  for (int i = 0; i < n; ++i) y[i] = blend(x[i], rest[i], other[i], weight[i]);
}

ADVSPUR_CLONES void finish_row(float* y, float mean, float scale, int n) {
  for (int i = 0; i < n; ++i) y[i] = finish(y[i], mean, scale);
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

namespace {

// Whole cache lines, `out` aligned to one. Wide stores take fewer places in the store buffer, so that more of
// them can drain behind the arithmetic.
using StreamLines = void (*)(char* out, const char* from, int64_t lines);

#if defined(__x86_64__) && defined(__GNUC__)

__attribute__((target("avx512f"))) void stream_lines_avx512(char* out, const char* from, int64_t lines) {
  for (int64_t i = 0; i < 64 * lines; i += 64) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(out + i), _mm512_loadu_si512(from + i));
  }
}

__attribute__((target("avx512f"))) void finish_lines_avx512(float* out, const float* y, float mean,
                                                            float scale, int n) {
  const __m512 one = _mm512_set1_ps(1.0f), m = _mm512_set1_ps(mean), s = _mm512_set1_ps(scale);
  for (int i = 0; i < n; i += 16) {
    const __m512 v = _mm512_maskz_min_ps(0xFFFF, one, _mm512_loadu_ps(y + i));  // NaN in the second stays NaN
    _mm512_stream_ps(out + i, (v - m) * s);
  }
}

void stream_lines_sse2(char* out, const char* from, int64_t lines) {
  for (int64_t i = 0; i < 64 * lines; i += 16) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(out + i),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i)));
  }
}

const bool has_avx512 = __builtin_cpu_supports("avx512f");
const StreamLines stream_lines = has_avx512 ? stream_lines_avx512 : stream_lines_sse2;

#else

const StreamLines stream_lines = [](char* out, const char* from, int64_t lines) {
  memcpy(out, from, 64 * lines);
};

#endif

}  // namespace

bool finish_into(float* out, const float* y, float mean, float scale, int n) {
#if defined(__x86_64__) && defined(__GNUC__)
  if (has_avx512 && n % 16 == 0 && reinterpret_cast<uintptr_t>(out) % 64 == 0) {
    finish_lines_avx512(out, y, mean, scale, n);
    return true;
  }
#endif
  (void)out, (void)y, (void)mean, (void)scale, (void)n;
  return false;
}

void stream_out(void* out, const void* from, int64_t bytes) {
  char* to = static_cast<char*>(out);
  const char* source = static_cast<const char*>(from);
  const int64_t before = -reinterpret_cast<intptr_t>(to) & 63, head = before < bytes ? before : bytes;
  const int64_t lines = (bytes - head) / 64, tail = head + 64 * lines;
  memcpy(to, source, head);
  stream_lines(to + head, source + head, lines);
  memcpy(to + tail, source + tail, bytes - tail);
}

void finish_streaming() {
#if defined(__x86_64__) && defined(__GNUC__)
  _mm_sfence();
#endif
}

}  // namespace advspur::cpu
