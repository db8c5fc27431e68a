// One step of APGD, in place: what the new loss says of the step size, then the move.
//
// x, old (the iterate before x), best, best_grad, x0, grad (at x; may be overwritten): (samples, n). Per
// sample: loss (at x), best_loss, last_loss, checked_loss (best loss at the last checkpoint), size (the
// step), rises (steps since then that raised the loss), halved (whether that checkpoint halved the step); l1
// also width (values a step moves) and count (values that the best point moved, at the last checkpoint).
//
// First the record: best, best_loss, rises. At a checkpoint (window > 0: its length) linf and l2 halve the
// step and go back to the best point where at most 3/4 of the window's steps raised the loss, or where the
// best loss stood still since a checkpoint that did not halve. l1: the best point moves fewer than .95 of the
// values it moved before: step eps, back to the best point; else the step is divided by 1.5, down to eps /
// 10; width becomes count / 1.5. Then the move: y = P(x + size direction(grad)); x <- P(x + share (y - x) +
// (1 - share) (x - old)), the projections and directions of step.h; l1: x <- y. moved: whether the sample had
// a direction; without one y = x. Sources: Croce & Hein 2020, algorithm 1; Croce & Hein 2021 (l1).
#pragma once

#include <cstdint>

#include "advspur/ball.h"

namespace advspur {

struct Apgd {
  Norm norm;
  float *x, *old, *best, *best_grad, *grad;
  const float* x0;
  const float *loss, *eps;
  float *best_loss, *last_loss, *checked_loss, *size;
  int32_t *rises, *halved;
  int64_t *width, *count;
  int32_t window;
  float share;
  uint8_t* moved;
  Mask mask;
  Batch batch;
};

namespace cpu {
void apgd(const Apgd& s, int threads);
}
namespace cuda {
// scratch: on the device, 16 bytes a sample, then (l2) four doubles for each chunk of each sample
// (core/reduce.h). No allocation, no synchronisation.
void apgd(const Apgd& s, void* scratch, void* cuda_stream);
}  // namespace cuda

}  // namespace advspur
