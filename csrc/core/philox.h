// Philox4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
//
// How the package uses it. The key is the seed; the counter is (block, stream, sample id). Element e of a
// sample's stream is lane e % 4 of block e / 4, so any element can be drawn alone, on any device, in any
// order.
#pragma once

#include <cstdint>

#include "core/macros.h"

namespace advspur {

struct Philox4 {
  uint32_t lane[4];
};

ADVSPUR_HD Philox4 philox4x32_10(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t k0,
                                 uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0;
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

ADVSPUR_HD Philox4 draw_block(uint64_t seed, uint64_t id, uint32_t stream, uint32_t block) {
  return philox4x32_10(block, stream, static_cast<uint32_t>(id), static_cast<uint32_t>(id >> 32),
                       static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
}

// Uniform in [0, 1): 24 bits, exact in float.
ADVSPUR_HD float to_uniform(uint32_t bits) {
  return static_cast<float>(bits >> 8) * 0x1p-24f;
}

}  // namespace advspur
