#include "cpu/step_l1.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/macros.h"
#include "core/select.h"
#include "cpu/chunks.h"
#include "cpu/l1.h"

namespace advspur::cpu {
namespace {

ADVSPUR_CLONES void chunk_keys(const float* x, const float* g, int64_t count, uint32_t* key) {
  for (int64_t i = 0; i < count; ++i) key[i] = select_key(x[i], g[i], true);
}

ADVSPUR_CLONES void chunk_keys_masked(const float* x, const float* g, const uint8_t* mask, int64_t count,
                                      uint32_t* key) {
  for (int64_t i = 0; i < count; ++i) key[i] = select_key(x[i], g[i], mask[i] != 0);
}

// x <- v = x - x0 + share * sign(g) on the chosen elements. Masked elements get v = 0.
ADVSPUR_CLONES void chunk_move(float* x, const float* x0, const float* g, const uint32_t* key, uint32_t least,
                               int64_t count, float share) {
  for (int64_t i = 0; i < count; ++i) {
    const float jump = g[i] > 0.0f ? share : -share;
    x[i] = (x[i] - x0[i]) + (key[i] >= least ? jump : 0.0f);
  }
}

// key(sample's chunk) for all chunks in order: work(start, count, keys, mask)
template <class Work>
void for_keys(const Step& s, int64_t sample, const Work& work) {
  const int64_t n = s.batch.n;
  uint32_t key[kChunk];
  uint8_t tile[kChunk];
  for (int64_t chunk = 0; chunk < chunks_of(n); ++chunk) {
    const uint8_t* mask = mask_of_chunk(s.mask, n, sample, chunk, tile);
    const int64_t start = sample * n + chunk * kChunk, count = chunk_size(n, chunk);
    if (mask == nullptr) {
      chunk_keys(s.x + start, s.grad + start, count, key);
    } else {
      chunk_keys_masked(s.x + start, s.grad + start, mask, count, key);
    }
    work(start, count, key, mask);
  }
}

// Neighbours often fall into the same bin, and a counter cannot be raised twice in a row without waiting for
// memory: in a long run four sets of counters take turns.
struct Counters {
  int bins, sets;
  int32_t set[4][kMaxBins];

  Counters(int bins, int sets) : bins(bins), sets(sets) {
    for (int j = 0; j < sets; ++j) std::memset(set[j], 0, static_cast<size_t>(bins) * sizeof(int32_t));
  }

  void add(const uint32_t* key, int64_t count, int shift) {
    const uint32_t last = static_cast<uint32_t>(bins) - 1u;
    int64_t i = 0;
    for (; sets == 4 && i + 4 <= count; i += 4) {
      for (int j = 0; j < 4; ++j) ++set[j][key[i + j] >> shift & last];
    }
    for (; i < count; ++i) ++set[0][key[i] >> shift & last];
  }

  const int32_t* total() {
    for (int j = 1; j < sets; ++j) {
      for (int b = 0; b < bins; ++b) set[0][b] += set[j][b];
    }
    return set[0];
  }
};

// The first round counts all keys, the later ones only those that agree with what is known so far.
Selection select_sample(const Step& s, int64_t sample) {
  Selection selection;
  std::vector<uint32_t> left;
  for (int round = 0; round < kRounds; ++round) {
    const Digit digit = digit_of(round);
    Counters counters(1 << digit.bits, round == 0 ? 4 : 1);
    if (round == 0) {
      int64_t zeros = 0;
      for_keys(s, sample, [&](int64_t, int64_t count, const uint32_t* key, const uint8_t*) {
        counters.add(key, count, digit.shift);
        for (int64_t i = 0; i < count; ++i) zeros += key[i] == 0;
      });
      counters.set[0][0] -= static_cast<int32_t>(zeros);
    } else {
      if (round == 1) {
        for_keys(s, sample, [&](int64_t, int64_t count, const uint32_t* key, const uint8_t*) {
          const size_t before = left.size();
          left.resize(before + static_cast<size_t>(count));
          size_t kept = before;
          for (int64_t i = 0; i < count; ++i) {
            left[kept] = key[i];
            kept += agrees(key[i], selection, round);
          }
          left.resize(kept);
        });
      } else {
        left.erase(std::remove_if(left.begin(), left.end(),
                                  [&](uint32_t key) { return !agrees(key, selection, round); }),
                   left.end());
      }
      counters.add(left.data(), static_cast<int64_t>(left.size()), digit.shift);
    }
    narrow(selection, round, counters.total(), s.k[sample]);
    if (selection.chosen == 0) break;
  }
  return selection;
}

}  // namespace

void step_l1_sample(const Step& s, int64_t sample) {
  const Selection selection = select_sample(s, sample);
  s.moved[sample] = selection.chosen > 0;
  if (selection.chosen == 0) return;
  const float share = static_cast<float>(static_cast<double>(s.step_size[sample]) / selection.chosen);
  const uint32_t least = selection.prefix;
  int64_t equal_left = selection.rank;
  for_keys(s, sample, [&](int64_t start, int64_t count, uint32_t* key, const uint8_t* mask) {
    for (int64_t i = 0; i < count; ++i) {
      if (key[i] == least && equal_left-- <= 0) key[i] = 0;
    }
    chunk_move(s.x + start, s.x0 + start, s.grad + start, key, least, count, share);
    for (int64_t i = 0; mask != nullptr && i < count; ++i) {
      s.x[start + i] = from_bits(to_bits(s.x[start + i]) & mask_if(mask[i] != 0));
    }
  });
  const int64_t start = sample * s.batch.n;
  move_l1(s.x + start, s.x0 + start, s.batch.n, s.eps[sample]);
}

void step_l1_batch(const Step& s, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (s.batch.samples > 1 && threads > 1)
  for (int64_t sample = 0; sample < s.batch.samples; ++sample) step_l1_sample(s, sample);
}

}  // namespace advspur::cpu
