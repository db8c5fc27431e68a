// What every solver starts from.
#pragma once

#include <cstdint>

namespace advspur::theory {

// x ~ N(0, cov), y = <x, theta> + N(0, noise_variance). Arrays belong to the caller; cov is (d, d),
// row-major.
struct Gaussian {
  int64_t d = 0;
  const double* cov = nullptr;
  const double* theta = nullptr;
  const double* b = nullptr;          // cov theta
  const double* deviation = nullptr;  // standard deviations of the features
  const uint8_t* spurious = nullptr;  // among tied features these come last
  double noise_variance = 0;          // sigma^2
  double explained = 0;               // theta' cov theta
  double deviation_length = 0;        // the attack's norm of the standard deviations
};

}  // namespace advspur::theory
