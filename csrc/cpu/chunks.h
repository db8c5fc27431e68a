// How the CPU walks a batch: chunks of samples, masks laid out along them, and who does what.
#pragma once

#include <cstring>

#include "advspur/ball.h"
#include "core/reduce.h"

namespace advspur::cpu {

// The mask bytes of a chunk, one an element; null if there is no mask. tile: room for kChunk bytes.
inline const uint8_t* mask_of_chunk(const Mask& mask, int64_t n, int64_t sample, int64_t chunk,
                                    uint8_t* tile) {
  if (mask.data == nullptr) return nullptr;
  const uint8_t* row = mask.data + sample * mask.pixels;
  const int64_t start = chunk * kChunk, count = chunk_size(n, chunk);
  if (mask.interleaved) {
    const int64_t channels = n / mask.pixels;
    int64_t pixel = start / channels, channel = start % channels;
    for (int64_t i = 0; i < count; ++i) {
      tile[i] = row[pixel];
      if (++channel == channels) {
        channel = 0;
        ++pixel;
      }
    }
    return tile;
  }
  int64_t pixel = start % mask.pixels;
  if (pixel + count <= mask.pixels) return row + pixel;
  for (int64_t i = 0; i < count;) {
    const int64_t run = count - i < mask.pixels - pixel ? count - i : mask.pixels - pixel;
    std::memcpy(tile + i, row + pixel, static_cast<size_t>(run));
    i += run;
    pixel = 0;
  }
  return tile;
}

// work(sample, chunk) for all chunks of the samples [first, last), any order.
template <class Work>
void for_chunks(int64_t first, int64_t last, int64_t n, int threads, const Work& work) {
  const int64_t chunks = chunks_of(n);
  const int64_t total = (last - first) * chunks;
#pragma omp parallel for num_threads(threads) schedule(static) if (total > 1 && threads > 1)
  for (int64_t i = 0; i < total; ++i) work(first + i / chunks, i % chunks);
}

// work(sample, threads it may use): whole rounds of samples go one to a thread, so that a sample stays in its
// core's cache between passes; what is left over is shared out inside the samples.
template <class Work>
void for_samples(int64_t samples, int threads, const Work& work) {
  const int64_t rounds = samples / threads * threads;
#pragma omp parallel for num_threads(threads) schedule(static) if (rounds > 1 && threads > 1)
  for (int64_t i = 0; i < rounds; ++i) work(i, 1);
  for (int64_t i = rounds; i < samples; ++i) work(i, threads);
}

// One thread. chunk_sums(start, count, out): N sums of a sample, in the fixed order of core/reduce.h.
template <int N, class ChunkSums>
void sample_sums(int64_t n, const ChunkSums& chunk_sums, double* total) {
  double lane[N][kLanes] = {};
  for (int64_t c = 0; c < chunks_of(n); ++c) {
    double out[N];
    chunk_sums(c * kChunk, chunk_size(n, c), out);
    for (int j = 0; j < N; ++j) lane[j][c % kLanes] += out[j];
  }
  for (int j = 0; j < N; ++j) total[j] = fold_lanes(lane[j]);
}

}  // namespace advspur::cpu
