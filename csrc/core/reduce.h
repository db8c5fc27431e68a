// Sums whose order never changes: the same bits for any thread count, any cut of the batch, any instruction
// set, on the CPU and on the GPU.
//
// A sample is cut into chunks of kChunk elements. Inside a chunk lane l of kLanes adds the elements l, l +
// 32, ... in double precision; the lanes are folded by halves; the chunks' sums are added by the same rule.
// On the GPU a warp is the 32 lanes.
#pragma once

#include <cstdint>

#include "core/macros.h"

#define ADVSPUR_INLINE __attribute__((always_inline))  // for lambdas called in vector loops

namespace advspur {

constexpr int kLanes = 32;
constexpr int64_t kChunk = 2048;  // native/layout.py sizes scratch memory by it

ADVSPUR_HD int64_t chunks_of(int64_t n) {
  return (n + kChunk - 1) / kChunk;
}

ADVSPUR_HD int64_t chunk_size(int64_t n, int64_t chunk) {
  const int64_t left = n - chunk * kChunk;
  return left < kChunk ? left : kChunk;
}

#if !defined(__CUDACC__)

ADVSPUR_HD double fold_lanes(double* lane) {
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) lane[l] += lane[l + half];
  }
  return lane[0];
}

// body(i, lane) for i < count: whole rows of lanes first, so that the compiler sees a loop of fixed length.
// body must be forced inline.
template <class Body>
ADVSPUR_HD void for_lanes(int64_t count, const Body& body) {
  const int64_t whole = count / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) body(i + l, l);
  }
  for (int64_t i = whole; i < count; ++i) body(i, static_cast<int>(i - whole));
}

// out[j] = sum over i of term(i, .)[j], one chunk. term must be forced inline.
template <int N, class Term>
ADVSPUR_HD void sum_chunk(int64_t count, const Term& term, double* out) {
  double lane[N][kLanes] = {};
  for_lanes(count, [&](int64_t i, int l) ADVSPUR_INLINE {
    double value[N];
    term(i, value);
    for (int j = 0; j < N; ++j) lane[j][l] += value[j];
  });
  for (int j = 0; j < N; ++j) out[j] = fold_lanes(lane[j]);
}

// The same rule over the sums of chunks, stored N apart.
template <int N>
inline void sum_chunks(const double* sums, int64_t chunks, double* out) {
  double lane[N][kLanes] = {};
  for (int64_t c = 0; c < chunks; ++c) {
    for (int j = 0; j < N; ++j) lane[j][c % kLanes] += sums[N * c + j];
  }
  for (int j = 0; j < N; ++j) out[j] = fold_lanes(lane[j]);
}

#endif

}  // namespace advspur
