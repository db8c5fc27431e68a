// Elements that all go their way, each at its own rate, until it stands at its wall: how long, so that
// together they gain what is needed. Host and device.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/ball.h"

namespace advspur {

// An element that goes its way (up or down) by up to `room` gains `size` of the gap for each unit. size: |w|,
// 0 where it is not finite.
struct Reach {
  float size, room;
  uint32_t down;  // all bits set: way is -1
};
ADVSPUR_HD Reach reach_of(float x, float w, bool negative_gap) {
  const float size = from_bits(size_bits(w) & finite_mask(w));
  const uint32_t down = mask_if(to_bits(w) >> 31 != 0u) ^ mask_if(negative_gap);
  return {size, from_bits((to_bits(x) & down) | (to_bits(1.0f - x) & ~down)), down};
}

struct Climb {
  double fixed;  // what the elements at their walls gain
  double free;   // what the others gain per unit of s
};

// The s >= 0 at which fixed(s) + s free(s) = need; a huge one, at which every element stands at its wall,
// where there is none. The gain is concave in s, so a Newton step from below never passes the root, and the
// steps end when the set of elements at their walls does. level: s -> Climb.
template <class F>
ADVSPUR_HD double climb(double need, const F& level) {
  double s = 0.0;
  for (int i = 0; i < 256; ++i) {
    const Climb now = level(s);
    if (!(now.free > 0.0)) return 1e300;  // finite: 0 times it is 0
    const double next = (need - now.fixed) / now.free;
    if (!(next > s)) return s;
    s = next;
  }
  return s;
}

// ---- the l2 step that the box does not shorten: d = clamp(s g) with |d|_2 = size. Squares gain at the rate
// g^2 up to room^2, so the square of s is what is climbed to.

ADVSPUR_HD void long_climb_terms(float x, float g, double square, double* out) {
  const Reach r = reach_of(x, g, false);
  const double room = r.room > 0.0f ? r.room : 0.0f, wall = room * room;
  const double rate = static_cast<double>(r.size) * static_cast<double>(r.size);
  const bool held = wall <= square * rate;
  out[0] = held ? wall : 0.0;
  out[1] = held ? 0.0 : rate;
}

ADVSPUR_HD double long_there(float x, float g, double s) {
  const Reach r = reach_of(x, g, false);
  const double room = r.room > 0.0f ? r.room : 0.0f, want = s * r.size;
  const double go = want < room ? want : room;
  return r.down != 0u ? x - go : x + go;
}

ADVSPUR_HD double long_length_term(float x, float x0, float g, double s) {
  const double d = long_there(x, g, s) - x0;
  return d * d;
}

// shrink (<= 0) pulls the result back towards x0, into the ball.
ADVSPUR_HD float long_step(float x, float x0, float g, double s, double shrink) {
  const double there = long_there(x, g, s);
  return clamp(static_cast<float>(there + shrink * (there - x0)), 0.0f, 1.0f);
}

// From |x + d - x0|^2.
ADVSPUR_HD double long_shrink(double square, double eps) {
  return square > eps * eps ? eps / std::sqrt(square) - 1.0 : 0.0;
}

}  // namespace advspur
