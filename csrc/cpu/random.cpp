#include "advspur/random.h"

#include <cstring>

#include "core/philox.h"
#include "cpu/random_tile.h"

namespace advspur::cpu {
namespace {

constexpr int64_t kTile = 4 * kTileBlocks;

void draw_tile(Draw kind, char* out, int64_t start, int64_t count, uint64_t seed, uint64_t id,
               uint32_t stream) {
  alignas(64) float values[kTile];
  alignas(64) uint32_t bits[kTile];
  const uint32_t first = static_cast<uint32_t>(start / 4);
  const int n_blocks = static_cast<int>((count + 3) / 4);
  if (kind == Draw::kNormal) {
    normal_tile(values, seed, id, stream, first, n_blocks);
    memcpy(out, values, 4 * count);
  } else {
    bits_tile(bits, seed, id, stream, first, n_blocks);
    if (kind == Draw::kBits) {
      memcpy(out, bits, 4 * count);
    } else {
      for (int64_t i = 0; i < count; ++i) values[i] = to_uniform(bits[i]);
      memcpy(out, values, 4 * count);
    }
  }
}

}  // namespace

void draw(Draw kind, void* out, const int64_t* ids, int64_t n_samples, int64_t n, uint64_t seed,
          uint32_t stream, int threads) {
  const int64_t tiles = (n + kTile - 1) / kTile;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t unit = 0; unit < n_samples * tiles; ++unit) {
    const int64_t sample = unit / tiles, start = unit % tiles * kTile;
    const int64_t count = n - start < kTile ? n - start : kTile;
    draw_tile(kind, static_cast<char*>(out) + 4 * (sample * n + start), start, count, seed,
              static_cast<uint64_t>(ids[sample]), stream);
  }
}

}  // namespace advspur::cpu
