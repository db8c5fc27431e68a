#pragma once

#include "advspur/step.h"

namespace advspur::cpu {

void step_l1_batch(const Step& s, int threads);

}  // namespace advspur::cpu
