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

struct TermMass {
  const float* z;
  const int32_t* code;
  int32_t label;
  float best;
  ADVSPUR_HD void operator()(int64_t i, double* out) const {
    const float mass = code[i] != -2 ? exp_negative(z[i] - best) : 0.0f;
    out[0] = mass;
    out[1] = code[i] == label ? mass : 0.0f;
  }
};

ADVSPUR_CLONES void row_masses(const float* z, const int32_t* code, int64_t count, int32_t label, float best,
                               double* out) {
  sum_chunk<2>(count, TermMass{z, code, label, best}, out);
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
    for (int64_t c = 0; c < chunks_of(s.k); ++c) {
      double out[2];
      row_masses(z + c * kChunk, s.codes + c * kChunk, chunk_size(s.k, c), label, best, out);
      lane[0][c % kLanes] += out[0];
      lane[1][c % kLanes] += out[1];
    }
    r.mass = fold_lanes(lane[0]);
    r.own_mass = fold_lanes(lane[1]);
    int64_t i = 0;
    while (i < s.k - 1 && (s.codes[i] == -2 || z[i] != best)) ++i;
    r.winner = s.codes[i];
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
