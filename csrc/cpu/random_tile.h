// The generator in tiles of blocks that stay in the first-level cache, for every CPU kernel that draws.
#pragma once

#include <cstdint>

namespace advspur::cpu {

constexpr int kTileBlocks = 128;  // blocks in one tile at most: 512 elements

// Elements 4*first .. 4*(first+n_blocks)-1 of a sample's stream. n_blocks <= kTileBlocks. out needs room for
// n_blocks rounded up to a multiple of kBlockGroup, times 4: whole vectors are written.
constexpr int kBlockGroup = 32;
void bits_tile(uint32_t* out, uint64_t seed, uint64_t id, uint32_t stream, uint32_t first, int n_blocks);
void normal_tile(float* out, uint64_t seed, uint64_t id, uint32_t stream, uint32_t first, int n_blocks);

}  // namespace advspur::cpu
