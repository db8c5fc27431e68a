// Explicit vectors for sums, which compilers may not reorder. For use inside ADVSPUR_CLONES functions.
#pragma once

#include <cstdint>

#include "core/macros.h"

#pragma GCC diagnostic ignored \
    "-Wpsabi"  // wide values are never passed between functions that are not inlined

namespace advspur::theory {

// Eight doubles: one AVX-512 register, two AVX ones.
typedef double Wide __attribute__((vector_size(64), aligned(8), may_alias));
constexpr int64_t kWide = 8;

ADVSPUR_HD Wide load(const double* p) {
  return *reinterpret_cast<const Wide*>(p);
}
ADVSPUR_HD void store(double* p, Wide v) {
  *reinterpret_cast<Wide*>(p) = v;
}
ADVSPUR_HD double total(Wide v) {
  return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}

ADVSPUR_HD double dot_inline(int64_t n, const double* x, const double* y) {
  Wide a{}, b{}, c{}, d{};
  int64_t i = 0;
  for (; i + 4 * kWide <= n; i += 4 * kWide) {
    a += load(x + i) * load(y + i);
    b += load(x + i + kWide) * load(y + i + kWide);
    c += load(x + i + 2 * kWide) * load(y + i + 2 * kWide);
    d += load(x + i + 3 * kWide) * load(y + i + 3 * kWide);
  }
  for (; i + kWide <= n; i += kWide) a += load(x + i) * load(y + i);
  double rest = 0;
  for (; i < n; ++i) rest += x[i] * y[i];
  return total((a + b) + (c + d)) + rest;
}

}  // namespace advspur::theory
