// The update of a projected gradient attack, in place: x <- project(x + step_size * direction(grad)).
//
// x, x0, grad: (samples, n); eps, step_size, moved: one per sample. Elements of grad that are not finite
// count as zero. moved: whether the sample had a direction. A sample without one is left alone (linf:
// clamped, which leaves a point of the ball as it is). linf: sign(grad), the ball, the box; never outside the
// ball by rounding. l2: grad / |grad|_2, the ball, then the box. l2 with lengthen, for x in the box: the
// multiple of grad that has the step's length after the box has cut it, then the ball; a direction is one
// that leads into the box. l1: equal shares on the k largest |grad| that can move inside the box (ties:
// lowest index), then the exact projection on ball and box. k: one per sample, used by l1 only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "advspur/ball.h"

namespace advspur {

struct Step {
  Norm norm;
  float* x;
  const float* x0;
  const float* grad;
  const float* eps;
  const float* step_size;
  const int64_t* k;
  uint8_t* moved;
  Mask mask;
  Batch batch;
  bool lengthen = false;
};

namespace cpu {
void step(const Step& s, int threads);
}
namespace cuda {
// scratch: on the device, three doubles for each chunk of each sample (core/reduce.h); used by l2 only.
// No allocation, no synchronisation.
void step(const Step& s, void* scratch, void* cuda_stream);
}  // namespace cuda

}  // namespace advspur
