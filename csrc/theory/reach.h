// How far a weight can be from the truth per unit of natural risk: what makes a certificate free of units.
#pragma once

#include <vector>

#include "theory/problem.h"

namespace advspur::theory {

// out (d): upper bounds of sqrt((cov^-1)_jj), infinite where the covariance is singular to rounding. Any t
// has |t_j - theta*_j| <= out_j sqrt((t - theta*)' cov (t - theta*)).
void reaches(const Gaussian& problem, std::vector<double>& out);

}  // namespace advspur::theory
