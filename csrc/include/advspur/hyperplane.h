// The nearest point of a hyperplane inside the pixel box, and the step of the FAB attack built on it.
//
// Without a sort: for linf and l2 one number decides a sample, the root of an increasing, concave, piecewise
// linear function, to which Newton's steps climb from 0 without ever passing it; for l1 the decisive size is
// found by three histograms of exact integer sums.
#pragma once

#include <cstddef>
#include <cstdint>

#include "advspur/ball.h"

namespace advspur {

// d <- argmin |d| subject to <w, d> = gap and x + d in [0, 1]; all the way to the walls where no d suffices.
// x, w, d: (samples, n); gap: one double per sample.
struct Plane {
  Norm norm;
  float* d;
  const float* x;
  const float* w;
  const double* gap;
  Batch batch;
};

// x <- (1 - alpha) (b + eta d(b)) + alpha (x0 + eta d(x0)), clamped to [0, 1], where b = x0 + pull (x - x0),
// d(.) leads to the plane {z : value + <w, z - x> = 0} and alpha = min(|d(b)| / (|d(b)| + |d(x0)|),
// alpha_max). moved: one byte per sample, whether there was a direction; a sample without one stays where it
// is.
struct FabStep {
  Norm norm;
  float* x;
  const float* x0;
  const float* w;
  const float* value;
  const float* pull;
  uint8_t* moved;
  double eta;
  double alpha_max;
  Mask mask;
  Batch batch;
};

namespace cpu {
void to_plane(const Plane& p, int threads);
void fab_step(const FabStep& s, int threads);
}  // namespace cpu
namespace cuda {
// One block a sample. No allocation, no synchronisation.
void to_plane(const Plane& p, void* cuda_stream);
void fab_step(const FabStep& s, void* cuda_stream);
}  // namespace cuda

}  // namespace advspur
