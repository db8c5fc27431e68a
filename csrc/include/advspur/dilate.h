// Grey dilation of masks by a plus, repeated: what "dilated core mask" means in the CoRM protocol.
//
// One round replaces each pixel by the largest of the pixels up to `reach` away in its row and in its column;
// nothing lies beyond the border. masks, out: (samples, height, width) bytes, contiguous.
#pragma once

#include <cstdint>

namespace advspur {

struct Dilate {
  const uint8_t* masks;
  uint8_t* out;
  int64_t samples;
  int64_t height;
  int64_t width;
  int64_t reach;
  int64_t rounds;
};

namespace cpu {
void dilate(const Dilate& d, int threads);
}

}  // namespace advspur
