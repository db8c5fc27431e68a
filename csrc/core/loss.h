// A loss as a few weights on logits: what is left to do once a row's order statistics and sums are known.
// Written once for host and device.
#pragma once

#include <cmath>
#include <cstdint>

#include "advspur/loss.h"
#include "core/ball.h"

namespace advspur {

constexpr float kSpread = 3.0f;  // that cross-entropy's logits get; attacks/losses.py says why

// The classes of the four largest logits, descending, of equal ones the lower class first; -1: there is none.
struct Top {
  float value[4] = {-HUGE_VALF, -HUGE_VALF, -HUGE_VALF, -HUGE_VALF};
  int32_t index[4] = {-1, -1, -1, -1};
};

ADVSPUR_HD bool before(float a, int32_t i, float b, int32_t j) {
  return j < 0 || a > b || (a == b && i < j);
}

ADVSPUR_HD void insert(Top& top, float value, int32_t index) {
  if (index < 0 || !before(value, index, top.value[3], top.index[3])) return;
  for (int r = 0; r < 4; ++r) {  // carry the displaced one down
    if (before(value, index, top.value[r], top.index[r])) {
      const float v = top.value[r];
      const int32_t i = top.index[r];
      top.value[r] = value;
      top.index[r] = index;
      value = v;
      index = i;
    }
  }
}

// DLR and margin have at most six logits with a weight; a class may come twice, its weights then add up.
struct Weights {
  float value = 0.0f;
  int32_t index[6] = {-1, -1, -1, -1, -1, -1};
  float weight[6] = {};
};

// spread: the mean absolute deviation, > 0.
ADVSPUR_HD Weights weigh(LossKind kind, const float* z, const Top& top, int32_t y, int32_t t, int64_t k,
                         float spread) {
  const bool targeted = t >= 0;
  const int32_t apart = targeted ? t : y;  // the class that stands alone
  const int32_t rival = top.index[top.index[0] == apart ? 1 : 0];
  const bool by_four = targeted || kind == LossKind::kDlrTargeted;
  const bool plain = kind == LossKind::kMargin || k < (by_four ? 4 : 3);
  // value = (z_up - z_down) / scale
  int32_t up = targeted ? t : rival, down = targeted ? rival : y;
  if (!plain && targeted && t != y) down = y;
  Weights w;
  const float gap = z[up] / spread - z[down] / spread;
  if (plain) {
    w.value = gap;
    w.index[0] = up;
    w.weight[0] = 1.0f / spread;
    w.index[1] = down;
    w.weight[1] = -1.0f / spread;
    return w;
  }
  const float z1 = top.value[0] / spread, z3 = top.value[2] / spread, z4 = top.value[3] / spread;
  const float scale = by_four ? z1 - (z3 + z4) / 2.0f : z1 - z3;
  if (!(scale > 0.0f)) {  // three or four equal logits at the top: the direction of the margin
    w.value = HUGE_VALF * (gap > 0.0f ? 1.0f : gap < 0.0f ? -1.0f : 0.0f);
    w.index[0] = up;
    w.weight[0] = 1.0f / spread;
    w.index[1] = down;
    w.weight[1] = -1.0f / spread;
    return w;
  }
  w.value = gap / scale;
  const float inverse = 1.0f / (scale * spread), slope = w.value * inverse;
  w.index[0] = up;
  w.weight[0] = inverse;
  w.index[1] = down;
  w.weight[1] = -inverse;
  w.index[2] = top.index[0];
  w.weight[2] = -slope;
  w.index[3] = top.index[2];
  w.weight[3] = by_four ? slope / 2.0f : slope;
  if (by_four) {
    w.index[4] = top.index[3];
    w.weight[4] = slope / 2.0f;
  }
  return w;
}

}  // namespace advspur
