// What a sample draws for one query of the Square attack, and what that does to one element. Host and device.
#pragma once

#include <cmath>
#include <cstdint>

#include "advspur/square.h"
#include "core/ball.h"
#include "core/philox.h"

namespace advspur {

// Blocks of the sample's random stream that a query uses: places, orientation, then 128 signs a block.
ADVSPUR_HD uint32_t square_blocks(int64_t channels) {
  return 2u + static_cast<uint32_t>((channels + 127) / 128);
}

ADVSPUR_HD int32_t held(int64_t value, int64_t low, int64_t high) {
  return static_cast<int32_t>(value < low ? low : value > high ? high : value);
}

// A place for a window of `side` inside [first, end) of a length; where it does not fit in, one that covers
// it. Whatever the numbers, the window lies in the image.
ADVSPUR_HD int32_t place(uint32_t bits, int32_t first, int32_t end, int32_t side, int32_t length) {
  const int32_t low = held(first, 0, length - side);
  const int32_t high = held(int64_t{end} - side, low, length - side);
  return low + static_cast<int32_t>(uint64_t{bits} * static_cast<uint64_t>(high - low + 1) >> 32);
}

struct Windows {
  int32_t row, column, row2, column2, height, width;
  bool turned;  // which of the two patterns
  ADVSPUR_HD bool first(int32_t r, int32_t c) const {
    return r >= row && r < row + height && c >= column && c < column + width;
  }
  ADVSPUR_HD bool second(int32_t r, int32_t c) const {
    return r >= row2 && r < row2 + height && c >= column2 && c < column2 + width;
  }
};

ADVSPUR_HD Windows windows_of(const Square& s, int64_t sample) {
  const uint32_t start = s.query * square_blocks(s.channels);
  const uint64_t id = static_cast<uint64_t>(s.ids[sample]);
  const Philox4 p = draw_block(s.seed, id, s.stream, start);
  const Philox4 q = draw_block(s.seed, id, s.stream, start + 1);
  const int32_t *f = s.field + 4 * sample, *side = s.side + 2 * sample;
  const int32_t h = static_cast<int32_t>(s.height), w = static_cast<int32_t>(s.width);
  const int32_t tall = held(side[0], 0, h), wide = held(side[1], 0, w);
  return {place(p.lane[0], f[0], f[1], tall, h),
          place(p.lane[1], f[2], f[3], wide, w),
          place(p.lane[2], f[0], f[1], tall, h),
          place(p.lane[3], f[2], f[3], wide, w),
          tall,
          wide,
          (q.lane[0] & 1u) != 0u};
}

ADVSPUR_HD bool sign_of(const Square& s, int64_t sample, int64_t channel) {
  const uint32_t start = s.query * square_blocks(s.channels) + 2u;
  const Philox4 p = draw_block(s.seed, static_cast<uint64_t>(s.ids[sample]), s.stream,
                               start + static_cast<uint32_t>(channel / 128));
  return (p.lane[channel % 128 / 32] >> (channel % 32) & 1u) != 0u;
}

// l2 and l1: a channel's share of the norm, and how the window's new content is made of pattern and old
// content.
struct Repaint {
  float sign;    // of the pattern
  double old;    // factor of the old content: 1 / its norm, 0 where it has none
  double scale;  // factor of the sum
};
ADVSPUR_HD double repaint(const Repaint& r, float tile, float old) {
  return (static_cast<double>(r.sign * tile) + r.old * static_cast<double>(old)) * r.scale;
}

template <Norm kNorm>
ADVSPUR_HD double window_term(double d) {
  return kNorm == Norm::kL2 ? d * d : std::fabs(d);
}

// What the channel may use: an equal share of what the image has left over, and what its two windows used.
// total, windows: sums of window_term. l1 asks for more than is there and leaves it to the projection, which
// then makes the perturbation sparser.
template <Norm kNorm>
ADVSPUR_HD double budget_of(double eps, double total, double windows, int64_t channels) {
  if constexpr (kNorm == Norm::kL2) {
    const double left = eps * eps - total;
    return std::sqrt((left > 0.0 ? left : 0.0) / static_cast<double>(channels) + windows);
  } else {
    const double left = eps - total;
    return ((left > 0.0 ? left : 0.0) / static_cast<double>(channels) + windows) *
           static_cast<double>(channels);
  }
}

// l2: brings the whole perturbation to the sphere; a hair inside, for the rounding of x0 + d.
ADVSPUR_HD double to_sphere(double total, double eps) {
  const double wanted = eps * (1.0 - 2e-7) - 4e-8;
  return total > 0.0 && wanted > 0.0 ? wanted / std::sqrt(total) : 0.0;
}

}  // namespace advspur
