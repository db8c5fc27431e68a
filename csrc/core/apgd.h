// The record of one sample under APGD, and what happens to one element. Written once for host and device.
#pragma once

#include "advspur/apgd.h"
#include "core/ball.h"

namespace advspur {

// What the new loss decides: x is the best point yet; go on from the best point.
struct Verdict {
  bool better, again;
};

ADVSPUR_HD bool note_loss(const Apgd& s, int64_t i) {
  const float loss = s.loss[i];
  const bool better = loss > s.best_loss[i];
  if (better) s.best_loss[i] = loss;
  s.rises[i] += loss > s.last_loss[i] ? 1 : 0;
  s.last_loss[i] = loss;
  return better;
}

// linf, l2: a checkpoint after a window of `window` steps. Returns whether to go on from the best point.
ADVSPUR_HD bool check_step(const Apgd& s, int64_t i) {
  const bool stuck = s.halved[i] == 0 && s.checked_loss[i] >= s.best_loss[i];
  const bool again = 4 * static_cast<int64_t>(s.rises[i]) <= 3 * static_cast<int64_t>(s.window) || stuck;
  if (again) s.size[i] *= 0.5f;
  s.halved[i] = again ? 1 : 0;
  s.checked_loss[i] = s.best_loss[i];
  s.rises[i] = 0;
  return again;
}

// l1: count values of the best point differ from the clean one.
ADVSPUR_HD bool check_step_l1(const Apgd& s, int64_t i, int64_t count) {
  const bool again = static_cast<double>(count) < 0.95 * static_cast<double>(s.count[i]);
  const float least = s.eps[i] * 0.1f, shrunk = s.size[i] / 1.5f;
  s.size[i] = again ? s.eps[i] : (shrunk > least ? shrunk : least);
  const int64_t width = (2 * count + 2) / 3;  // count / 1.5, rounded up
  s.width[i] = width > 1 ? width : 1;
  s.count[i] = count;
  return again;
}

// x + share (y - x) + (1 - share) (x - old)
ADVSPUR_HD float mix(float x, float y, float old, float share, float rest) {
  return x + share * (y - x) + rest * (x - old);
}

ADVSPUR_HD float move_linf(float x, float old, float x0, float g, float eps, float size, float share,
                           float rest) {
  const float low = low_linf(x0, eps), high = high_linf(x0, eps);
  const float y = clamp(x + signed_step(g, size), low, high);
  return clamp(mix(x, y, old, share, rest), low, high);
}

}  // namespace advspur
