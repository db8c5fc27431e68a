// Which rows of a sample an APGD step reads and writes.
#pragma once

#include "core/apgd.h"
#include "cuda/launch.cuh"

namespace advspur::cuda {

// What the record decides for the move: 16 bytes a sample, at the start of the scratch memory.
struct Decision {
  int32_t better, again;
  int64_t unused;
};

// Where x is the best point yet, x and its gradient are what a step from the best point starts from, and both
// are written to best and best_grad on the way: nothing is read twice.
struct Rows {
  const float *from, *grad, *x0;
  float *x, *old, *best, *best_grad;
  bool better;

  __device__ __forceinline__ Rows(const Apgd& s, const Decision& d, int64_t sample) {
    const int64_t at = sample * s.batch.n;
    const bool back = d.again != 0 && d.better == 0;
    from = (back ? s.best : s.x) + at;
    grad = (back ? s.best_grad : s.grad) + at;
    x0 = s.x0 + at;
    x = s.x + at;
    old = s.old + at;
    best = s.best + at;
    best_grad = s.best_grad + at;
    better = d.better != 0;
  }
};

}  // namespace advspur::cuda
