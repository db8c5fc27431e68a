// What is known of weights at a radius, and how far from optimal they can be: formulas (1) and (3) of
// docs/theory.md.
#pragma once

#include <cstdint>

#include "advspur/theory.h"
#include "theory/problem.h"

namespace advspur::theory {

struct Verdict {
  double risk, spread2, norm, multiplier, gap;  // spread2 = s^2, norm = N
  double gap_per_defect;                        // gap per unit by which cov (theta* - theta) misses lambda g
};

// error = theta - theta*, pull = cov error, all (d). The gap is an upper bound on risk - min risk at eps > 0.
// explained: error' pull where it is known better than from its rounded parts.
Verdict certify(Attack attack, const Gaussian& problem, double eps, const double* theta, const double* error,
                const double* pull, const double* explained = nullptr);

// The same on the noise-free plateau, where s = 0. gradient = cov v of the last piece: an element of the dual
// norm's subdifferential up to rounding, with v' cov v <= (c / eps)^2.
Verdict certify_plateau(Attack attack, int64_t d, double eps, const double* theta, const double* gradient);

double dual_norm(Attack attack, int64_t d, const double* theta);

}  // namespace advspur::theory
