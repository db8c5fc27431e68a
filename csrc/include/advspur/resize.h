// Pillow's 8-bit bilinear resize (src/libImaging/Resample.c), bit for bit, of the part that is wanted.
//
// in: in_height rows of in_width pixels of `channels` (1 or 3) bytes, `stride` bytes from row to row. The
// image is thought resized to height x width; out receives its rows top .. top + out_height - 1 and columns
// left .. left + out_width - 1, without gaps. Two passes, each rounded to 8 bits: along rows, then along
// columns, or with columns_first the other way round. Triangle filter widened by the scale when shrinking,
// weights in units of 2^-22.
#pragma once

#include <cstdint>

namespace advspur {

struct Resize {
  const uint8_t* in;
  int64_t stride;
  int64_t in_height;
  int64_t in_width;
  int64_t channels;
  int64_t height;
  int64_t width;
  int64_t top;
  int64_t left;
  int64_t out_height;
  int64_t out_width;
  uint8_t* out;
  bool columns_first;
};

namespace cpu {
void resize(const Resize& r, int threads);
}

}  // namespace advspur
