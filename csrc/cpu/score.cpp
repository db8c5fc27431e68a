#include "advspur/score.h"

#include <cmath>
#include <vector>

#include "core/exp.h"
#include "core/macros.h"
#include "core/reduce.h"
#include "core/verdict.h"
#include "core/widen.h"

namespace advspur::cpu {
namespace {

constexpr int64_t kFind = 64;  // outputs looked at together in search of the winner

ADVSPUR_CLONES void widen_row(LogitType type, const uint16_t* in, int64_t k, float* out) {
  if (type == LogitType::kBfloat16) {
    for (int64_t i = 0; i < k; ++i) out[i] = widen_bfloat16(in[i]);
  } else {
    for (int64_t i = 0; i < k; ++i) out[i] = widen_float16(in[i]);
  }
}

// Lanes keep their own extremes, so that the loop is a vector loop; a maximum has no order to keep.
ADVSPUR_CLONES void row_extremes(const float* z, const int32_t* code, int64_t k, int32_t label, RowSums* r) {
  float own[kLanes], other[kLanes];
  uint32_t broken[kLanes] = {};
  for (int l = 0; l < kLanes; ++l) own[l] = other[l] = -HUGE_VALF;
  for_lanes(k, [&](int64_t i, int l) ADVSPUR_INLINE {
    const uint32_t value = to_bits(z[i]), none = 0xFF800000u;  // -inf
    const uint32_t competes = mask_if(code[i] != -2), is_own = mask_if(code[i] == label);
    const float as_own = from_bits((value & is_own) | (none & ~is_own));
    const float as_other = from_bits((value & competes & ~is_own) | (none & ~(competes & ~is_own)));
    own[l] = as_own > own[l] ? as_own : own[l];
    other[l] = as_other > other[l] ? as_other : other[l];
    broken[l] |= competes & ~finite_mask(z[i]);
  });
  r->own = own[0];
  r->other = other[0];
  r->finite = broken[0] == 0;
  for (int l = 1; l < kLanes; ++l) {
    r->own = own[l] > r->own ? own[l] : r->own;
    r->other = other[l] > r->other ? other[l] : r->other;
    r->finite &= broken[l] == 0;
  }
}

// A chunk's masses, and their sums in the fixed order. Two loops: in one, the compiler mixes the widths of
// the exponential's floats and of the sums' doubles, and is twice as slow.
ADVSPUR_CLONES void masses_of(const float* __restrict z, const int32_t* __restrict code, int64_t count,
                              float best, float* __restrict mass) {
  for (int64_t i = 0; i < count; ++i) {
    mass[i] = from_bits(to_bits(exp_negative(z[i] - best)) & mask_if(code[i] != -2));
  }
}

struct TermMass {
  const float* mass;
  const int32_t* code;
  int32_t label;
  ADVSPUR_HD void operator()(int64_t i, double* out) const {
    out[0] = mass[i];
    out[1] = from_bits(to_bits(mass[i]) & mask_if(code[i] == label));
  }
};

ADVSPUR_CLONES void sum_masses(const float* mass, const int32_t* code, int64_t count, int32_t label,
                               double* out) {
  sum_chunk<2>(count, TermMass{mass, code, label}, out);
}

// The first competing output with this logit.
ADVSPUR_CLONES int64_t first_with(const float* __restrict z, const int32_t* __restrict code, int64_t k,
                                  float best) {
  for (int64_t start = 0; start < k; start += kFind) {
    const int64_t stop = start + kFind < k ? start + kFind : k;
    uint32_t any = 0;
    for (int64_t i = start; i < stop; ++i) any |= mask_if(z[i] == best) & mask_if(code[i] != -2);
    if (any == 0) continue;
    for (int64_t i = start; i < stop; ++i) {
      if (z[i] == best && code[i] != -2) return i;
    }
  }
  return k - 1;
}

void score_row(const Score& s, int64_t row, const float* z) {
  // A label that no output can have must match no code, in particular not -1 or -2.
  const int64_t given = s.labels[row];
  const int32_t label = given >= 0 && given <= INT32_MAX ? static_cast<int32_t>(given) : INT32_MIN;
  RowSums r{};
  row_extremes(z, s.codes, s.k, label, &r);
  const float best = r.own > r.other ? r.own : r.other;
  if (r.finite) {
    double lane[2][kLanes] = {};
    float mass[kChunk];
    for (int64_t c = 0; c < chunks_of(s.k); ++c) {
      const int64_t at = c * kChunk, count = chunk_size(s.k, c);
      double out[2];
      masses_of(z + at, s.codes + at, count, best, mass);
      sum_masses(mass, s.codes + at, count, label, out);
      lane[0][c % kLanes] += out[0];
      lane[1][c % kLanes] += out[1];
    }
    r.mass = fold_lanes(lane[0]);
    r.own_mass = fold_lanes(lane[1]);
    r.winner = s.codes[first_with(z, s.codes, s.k, best)];
  }
  write_verdict(s, row, r);
}

}  // namespace

void score(const Score& s, int threads) {
  const bool wide = s.type == LogitType::kFloat32;
#pragma omp parallel num_threads(threads) if (s.rows > 1 && threads > 1)
  {
    std::vector<float> buffer(static_cast<size_t>(wide ? 0 : s.k));
#pragma omp for schedule(static)
    for (int64_t row = 0; row < s.rows; ++row) {
      const float* z = static_cast<const float*>(s.logits) + (wide ? row * s.stride : 0);
      if (!wide) {
        widen_row(s.type, static_cast<const uint16_t*>(s.logits) + row * s.stride, s.k, buffer.data());
        z = buffer.data();
      }
      score_row(s, row, z);
    }
  }
}

}  // namespace advspur::cpu
