// For radii at which a path's certificate is weak: its face polished in extended precision, then the faces of
// tie-free problems near by.
#pragma once

#include <vector>

#include "advspur/theory.h"
#include "theory/certificate.h"
#include "theory/problem.h"

namespace advspur::theory {

// Improves theta (d), error and pull (see certify) and the verdict in place; leaves them alone where it
// cannot. mu: for kL2, lambda / N if known. reach: see reach.h; filled here when it is first wanted.
void fall_back(Attack attack, const Gaussian& problem, double eps, double* theta, double* error, double* pull,
               double mu, std::vector<double>& reach, Verdict& verdict);

}  // namespace advspur::theory
