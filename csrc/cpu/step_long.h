#pragma once

#include "advspur/step.h"

namespace advspur::cpu {

void step_long_batch(const Step& s, int threads);

}  // namespace advspur::cpu
