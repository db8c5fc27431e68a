// The exact projection of one sample onto the l1 ball and the pixel box, without a sort.
#pragma once

#include <cstdint>

namespace advspur::cpu {

// v <- the projection u of v (n elements) on {|u|_1 <= eps, x0 + u in [0, 1]}; x0 null: no box.
void project_l1(float* v, const float* x0, int64_t n, float eps);

// x holds v and ends as x0 + u: also the rounding of x0 + u is kept from adding up to more than eps.
void move_l1(float* x, const float* x0, int64_t n, float eps);

}  // namespace advspur::cpu
