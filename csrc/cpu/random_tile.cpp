#include "cpu/random_tile.h"

#include <cstring>

#include "core/macros.h"
#include "core/normal.h"
#include "core/philox.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

// The words of a tile are kept apart as Box-Muller takes them: `even` holds lanes 0 and 2 of every block,
// `odd` lanes 1 and 3. Block b's lanes are then even[2b], odd[2b], even[2b+1], odd[2b+1].
//
// Compilers do not find the one instruction that Philox lives on (32 x 32 -> 64 bits in 64-bit lanes, which
// ignores the upper halves of its arguments), so the rounds are written with it by hand; they let the upper
// halves of the words fill with rubbish and cut it off at the end. Everything else is left to the vectoriser.

namespace advspur::cpu {
namespace {

using Words = void (*)(uint32_t* even, uint32_t* odd, uint64_t seed, uint64_t id, uint32_t stream,
                       uint32_t first, int n_blocks);

void words_baseline(uint32_t* even, uint32_t* odd, uint64_t seed, uint64_t id, uint32_t stream,
                    uint32_t first, int n_blocks) {
  for (int b = 0; b < n_blocks; ++b) {
    const Philox4 p = draw_block(seed, id, stream, first + b);
    even[2 * b] = p.lane[0];
    odd[2 * b] = p.lane[1];
    even[2 * b + 1] = p.lane[2];
    odd[2 * b + 1] = p.lane[3];
  }
}

#if defined(__x86_64__) && defined(__GNUC__)

typedef uint64_t U64x8 __attribute__((vector_size(64)));
typedef uint64_t U64x4 __attribute__((vector_size(32)));

__attribute__((target("avx512f"))) void words_avx512(uint32_t* even, uint32_t* odd, uint64_t seed,
                                                     uint64_t id, uint32_t stream, uint32_t first,
                                                     int n_blocks) {
  using Vector = U64x8;
  constexpr int kLanes = 8, kVectors = 4;  // independent vectors hide the multiplier's latency
  const Vector zero{}, lane = {0, 1, 2, 3, 4, 5, 6, 7}, m0 = zero + 0xD2511F53u, m1 = zero + 0xCD9E8D57u,
                       low = zero + 0xFFFFFFFFu;
  for (int start = 0; start < n_blocks; start += kVectors * kLanes) {
    Vector c0[kVectors], c1[kVectors], c2[kVectors], c3[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      c0[v] = zero + static_cast<uint32_t>(first + start + v * kLanes) + lane;
      c1[v] = zero + stream;
      c2[v] = zero + static_cast<uint32_t>(id);
      c3[v] = zero + (id >> 32);
    }
    uint64_t k0 = static_cast<uint32_t>(seed), k1 = seed >> 32;
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      for (int v = 0; v < kVectors; ++v) {
        const Vector p0 = (Vector)_mm512_maskz_mul_epu32(0xFF, (__m512i)m0, (__m512i)c0[v]);
        const Vector p1 = (Vector)_mm512_maskz_mul_epu32(0xFF, (__m512i)m1, (__m512i)c2[v]);
        c0[v] = (p1 >> 32) ^ c1[v] ^ (zero + k0);
        c2[v] = (p0 >> 32) ^ c3[v] ^ (zero + k1);
        c1[v] = p1;
        c3[v] = p0;
      }
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    for (int v = 0; v < kVectors; ++v) {
      const Vector e = (c0[v] & low) | (c2[v] << 32), o = (c1[v] & low) | (c3[v] << 32);
      memcpy(even + 2 * (start + v * kLanes), &e, sizeof e);
      memcpy(odd + 2 * (start + v * kLanes), &o, sizeof o);
    }
  }
}

__attribute__((target("avx2"))) void words_avx2(uint32_t* even, uint32_t* odd, uint64_t seed, uint64_t id,
                                                uint32_t stream, uint32_t first, int n_blocks) {
  using Vector = U64x4;
  constexpr int kLanes = 4, kVectors = 2;  // independent vectors hide the multiplier's latency
  const Vector zero{}, lane = {0, 1, 2, 3}, m0 = zero + 0xD2511F53u, m1 = zero + 0xCD9E8D57u,
                       low = zero + 0xFFFFFFFFu;
  for (int start = 0; start < n_blocks; start += kVectors * kLanes) {
    Vector c0[kVectors], c1[kVectors], c2[kVectors], c3[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      c0[v] = zero + static_cast<uint32_t>(first + start + v * kLanes) + lane;
      c1[v] = zero + stream;
      c2[v] = zero + static_cast<uint32_t>(id);
      c3[v] = zero + (id >> 32);
    }
    uint64_t k0 = static_cast<uint32_t>(seed), k1 = seed >> 32;
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      for (int v = 0; v < kVectors; ++v) {
        const Vector p0 = (Vector)_mm256_mul_epu32((__m256i)m0, (__m256i)c0[v]);
        const Vector p1 = (Vector)_mm256_mul_epu32((__m256i)m1, (__m256i)c2[v]);
        c0[v] = (p1 >> 32) ^ c1[v] ^ (zero + k0);
        c2[v] = (p0 >> 32) ^ c3[v] ^ (zero + k1);
        c1[v] = p1;
        c3[v] = p0;
      }
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    for (int v = 0; v < kVectors; ++v) {
      const Vector e = (c0[v] & low) | (c2[v] << 32), o = (c1[v] & low) | (c3[v] << 32);
      memcpy(even + 2 * (start + v * kLanes), &e, sizeof e);
      memcpy(odd + 2 * (start + v * kLanes), &o, sizeof o);
    }
  }
}

Words choose_words() {
  if (__builtin_cpu_supports("avx512f")) return words_avx512;
  if (__builtin_cpu_supports("avx2")) return words_avx2;
  return words_baseline;
}

#else

Words choose_words() {
  return words_baseline;
}

#endif

const Words words = choose_words();

constexpr int kPairs = 2 * kTileBlocks;

// The stages of core/normal.h, each over the whole tile.
ADVSPUR_CLONES void find_radius(float* __restrict radius, const uint32_t* __restrict words, int n) {
  alignas(64) float e[kPairs], f[kPairs];
  for (int i = 0; i < n; ++i) {
    const LogSplit u = log_split(radius_uniform(words[i]));
    e[i] = u.e;
    f[i] = u.f;
  }
  for (int i = 0; i < n; ++i) radius[i] = log_polynomial_head(f[i]);
  for (int i = 0; i < n; ++i) radius[i] = log_polynomial_tail(radius[i], f[i]);
  for (int i = 0; i < n; ++i) radius[i] = radius_of_log(log_join(e[i], f[i], radius[i]));
}

ADVSPUR_CLONES void turn(float* __restrict out, const float* __restrict radius,
                         const uint32_t* __restrict words, int n) {
  alignas(64) float angle[kPairs], sine[kPairs], cosine[kPairs];
  alignas(64) int32_t quadrant[kPairs];
  for (int i = 0; i < n; ++i) {
    const TurnSplit t = turn_split(to_uniform(words[i]));
    quadrant[i] = t.quadrant;
    angle[i] = t.a;
  }
  for (int i = 0; i < n; ++i) {
    sine[i] = small_sine(angle[i]);
    cosine[i] = small_cosine(angle[i]);
  }
  for (int i = 0; i < n; ++i) {
    float c, s;
    turn_join(quadrant[i], sine[i], cosine[i], &c, &s);
    out[2 * i] = radius[i] * c;
    out[2 * i + 1] = radius[i] * s;
  }
}

int whole_groups(int n_blocks) {
  return (n_blocks + kBlockGroup - 1) / kBlockGroup * kBlockGroup;
}

}  // namespace

void bits_tile(uint32_t* out, uint64_t seed, uint64_t id, uint32_t stream, uint32_t first, int n_blocks) {
  alignas(64) uint32_t even[kPairs], odd[kPairs];
  const int n = whole_groups(n_blocks);
  words(even, odd, seed, id, stream, first, n);
  for (int i = 0; i < 2 * n; ++i) {
    out[2 * i] = even[i];
    out[2 * i + 1] = odd[i];
  }
}

void normal_tile(float* out, uint64_t seed, uint64_t id, uint32_t stream, uint32_t first, int n_blocks) {
  alignas(64) uint32_t even[kPairs], odd[kPairs];
  const int n = whole_groups(n_blocks);
  alignas(64) float radius[kPairs];
  words(even, odd, seed, id, stream, first, n);
  find_radius(radius, even, 2 * n);
  turn(out, radius, odd, 2 * n);
}

}  // namespace advspur::cpu
