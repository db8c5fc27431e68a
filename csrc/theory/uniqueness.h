// Whether the optimum at hand is the only one (q = 1 and q = inf with tied or dependent features).
#pragma once

#include <cstdint>

#include "advspur/theory.h"
#include "theory/problem.h"

namespace advspur::theory {

// theta is optimal with multiplier lambda; pull = cov (theta - theta*), whose entry j is at most `spread`
// standard deviations of feature j. Scratch costs nothing where nothing is tied.
bool is_unique(Attack attack, const Gaussian& problem, const double* theta, const double* pull, double norm,
               double lambda, double spread);

// Minimises 1/2 y'Sy - h'y over y >= 0 (Lawson & Hanson 1974); S (n, n) positive semidefinite, row-major.
void nonnegative_quadratic(int64_t n, const double* s, const double* h, double* y);

}  // namespace advspur::theory
