// The window updates of the Square attack: every sample has its own windows and signs, drawn from its id.
#pragma once

#include <cstddef>
#include <cstdint>

#include "advspur/ball.h"

namespace advspur {

// Images are (samples, channels, height, width), contiguous; n = channels * height * width.
struct Square {
  Norm norm;
  float* x;           // the candidate; linf: equal to best on entry
  const float* best;  // the point that is changed
  const float* x0;
  const float* eps;
  const uint8_t* mask;  // (samples, height, width), zero = keeps its clean value; null: all may change
  const int32_t*
      field;  // (samples, 4): first row, last row + 1, first column, last column + 1 of what may change
  const int32_t* side;     // (samples, 2): height and width of the window
  const float* tiles;      // l2, l1: patterns of windows; null for linf
  const int64_t* tile_at;  // (samples): where a sample's two patterns start in tiles
  int32_t* window;         // (samples, 2): out, top row and left column
  const int64_t* ids;
  uint64_t seed;
  uint32_t stream;
  uint32_t query;
  int64_t samples, channels, height, width;
};

// linf: after the candidate was judged, best and x are made equal inside the window again: both x where
// accepted, both best where not.
struct Settle {
  float* x;
  float* best;
  const int32_t* window;
  const int32_t* side;
  const uint8_t* accepted;
  int64_t samples, channels, height, width;
};

namespace cpu {
void square(const Square& s, int threads);
void square_settle(const Settle& s, int threads);
}  // namespace cpu
namespace cuda {
// One block a sample. No allocation, no synchronisation.
void square(const Square& s, void* cuda_stream);
void square_settle(const Settle& s, void* cuda_stream);
}  // namespace cuda

}  // namespace advspur
