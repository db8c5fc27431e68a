// Which elements an l1 step moves: the k largest |grad| among those that can still move inside the box.
//
// No sort: |grad| as an unsigned key keeps the order of the floats, and three histograms (11 + 10 + 10 bits
// of the key) find the k-th largest key exactly. Of the elements that have this very key, those with the
// lowest index are taken, so the selection is the same on every machine.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/ball.h"
#include "core/macros.h"

namespace advspur {

constexpr int kRounds = 3;
constexpr int kMaxBins = 2048;

// 0 for an element that must not or cannot move.
ADVSPUR_HD uint32_t select_key(float x, float g, bool may) {
  const bool able = ((g > 0.0f) & (x < 1.0f)) | ((g < 0.0f) & (x > 0.0f));
  return (may & able & (size_bits(g) < 0x7F800000u)) ? size_bits(g) : 0u;
}

// Round r of the search looks at `bins` values of key >> shift, among the keys that agree with `prefix`
// above.
struct Digit {
  int shift, bits;
};
ADVSPUR_HD Digit digit_of(int round) {
  return round == 0 ? Digit{21, 10} : round == 1 ? Digit{11, 10} : Digit{0, 11};
}

// The search so far: the wanted key starts with `prefix`, and is the `rank`-th largest of those that do.
struct Selection {
  uint32_t prefix = 0;
  int64_t rank = 0;
  int64_t chosen = 0;  // elements selected in the end: min(k, elements that can move)
};

ADVSPUR_HD bool agrees(uint32_t key, const Selection& s, int round) {
  const Digit d = digit_of(round);
  return key != 0 && (key >> (d.shift + d.bits)) == s.prefix;
}

// counts: histogram of this round's digit over the keys that agree. In round 0 also settles how many are
// chosen. Afterwards, with prefix the whole key: every larger key is chosen, and the first `rank` of the
// equal ones.
template <class Count>
ADVSPUR_HD void narrow(Selection& s, int round, const Count* counts, int64_t k) {
  const int bins = 1 << digit_of(round).bits;
  if (round == 0) {
    int64_t able = 0;
    for (int b = 0; b < bins; ++b) able += counts[b];
    s.chosen = s.rank = k < able ? k : able;
  }
  int bin = bins - 1;
  while (bin > 0 && s.rank > counts[bin]) s.rank -= counts[bin--];
  s.prefix = s.prefix << digit_of(round).bits | static_cast<uint32_t>(bin);
}

}  // namespace advspur
