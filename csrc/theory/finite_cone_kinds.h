#pragma once

#include "theory/finite_cone.h"

namespace advspur::theory {

std::unique_ptr<NormCone> make_sum_cone(int d);                // q = 1
std::unique_ptr<NormCone> make_round_cone(int d, int weight);  // q = 2
std::unique_ptr<NormCone> make_box_cone(int d);                // q = inf

}  // namespace advspur::theory
