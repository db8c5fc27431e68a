#pragma once

#include "advspur/step.h"

namespace advspur::cpu {

void step_l1_batch(const Step& s, int threads);
void step_l1_sample(const Step& s, int64_t sample);

}  // namespace advspur::cpu
