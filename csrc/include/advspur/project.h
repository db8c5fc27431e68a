// Projections of perturbations onto a norm ball, in place, with the pixel box where clean points are given.
//
// delta, x0: (samples, n); eps: one per sample; x0 may be null (no box).
// linf and l1: the exact Euclidean projection on ball and box. l2: ball, then box.
#pragma once

#include <cstddef>
#include <cstdint>

#include "advspur/ball.h"

namespace advspur {

struct Project {
  Norm norm;
  float* delta;
  const float* x0;
  const float* eps;
  Mask mask;
  Batch batch;
};

namespace cpu {
void project(const Project& p, int threads);
}
namespace cuda {
// scratch: on the device, three doubles for each chunk of each sample (core/reduce.h); used by l2 only.
// No allocation, no synchronisation.
void project(const Project& p, void* scratch, void* cuda_stream);
}  // namespace cuda

}  // namespace advspur
