// The optimum of a face (which weights are zero, or equal in size) from scratch, in extended precision where
// that is affordable: for ill-conditioned covariances, and for faces found elsewhere.
#pragma once

#include <vector>

#include "advspur/theory.h"
#include "theory/problem.h"

namespace advspur::theory {

inline constexpr int64_t kTwofold = 64;    // features up to which 32 digits are used
inline constexpr int64_t kExtended = 200;  // features up to which long double is used

struct Candidate {
  std::vector<double> theta, error, pull;  // error = theta - theta*, pull = cov error
  double explained = 0;                    // error' pull
  // of a face: theta = u - lambda v, gradient = cov v, tau = v' cov v
  std::vector<double> direction, gradient;
  double tau = 0;
};

// The face of `theta` (zeros for kLinf, largest weights for kL1; everything for kL2). False where it cannot
// be solved. mu: for kL2, lambda / N to start from; 0 if not known.
bool polish(Attack attack, const Gaussian& problem, double eps, const double* theta, double mu,
            Candidate& out);

}  // namespace advspur::theory
