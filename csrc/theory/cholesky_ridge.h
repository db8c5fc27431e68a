// l2 attack, few radii, many features: one Cholesky factorisation a radius instead of a spectrum.
#pragma once

#include <cstdint>
#include <vector>

#include "theory/problem.h"

namespace advspur::theory {

class CholeskyRidge {
 public:
  static constexpr int64_t kFew = 3;
  static bool worth(const Gaussian& problem);

  // theta and error = theta - theta* (d) at eps. False where it does not converge, or may be on the
  // noise-free plateau.
  bool solve(const Gaussian& problem, double critical, double eps, double* theta, double* error);

 private:
  // mu to a few digits: Lanczos steps from theta* give the scalar equations' Gauss quadrature.
  double guess(const Gaussian& problem, double critical, double eps);

  std::vector<double> factor_;
};

}  // namespace advspur::theory
