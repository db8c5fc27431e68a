// What this build can do and what this machine has.
#pragma once

#include <string>

namespace advspur {
namespace cuda {
// Number of usable devices; 0 without a driver, or with one too old for the built kernels.
int device_count();
// Why device_count() is 0, in words; empty if it is not.
std::string why_no_device();
}  // namespace cuda
}  // namespace advspur
