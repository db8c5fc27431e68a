// The optimum of a face (which weights are zero, or equal in size) from scratch, in extended precision where
// that is affordable: for ill-conditioned covariances, and for faces found elsewhere.
#pragma once

#include <vector>

#include "advspur/theory.h"
#include "theory/problem.h"
#include "theory/twofold.h"

namespace advspur::theory {

inline constexpr int64_t kTwofold = 64;    // features up to which 32 digits are used
inline constexpr int64_t kExtended = 200;  // features up to which long double is used

struct Candidate {
  std::vector<double> theta, error, pull;  // error = theta - theta*, pull = cov error
  double explained = 0;                    // error' pull
  // rounding errors of pull_j, per unit of deviation_j sum_k deviation_k |error_k|
  double unit = 0;
  double mismatch = 0;  // sum |theta - theta* - error|: theta is rounded
  // of a face: theta = u - lambda v, gradient = cov v, tau = v' cov v, reached = theta*' gradient
  std::vector<double> direction, gradient;
  double tau = 0, reached = 0;
  double line_unit = 0;  // rounding errors of gradient_j, likewise
};

// theta, error, pull and what it explains from an error in 32 digits.
void weigh(const Gaussian& problem, const std::vector<Twofold>& error, const std::vector<double>& theta,
           Candidate& out);

// direction, gradient, tau and reached from v in 32 digits.
void lean(const Gaussian& problem, const std::vector<Twofold>& v, Candidate& out);

// The same in doubles.
void lean_plain(const Gaussian& problem, const std::vector<double>& v, Candidate& out);

// Full rank only (false otherwise): the truth, and the line by which it is left under the l2 attack.
bool ridge_end(const Gaussian& problem, Candidate& out);

// The face of `theta` (zeros for kLinf, largest weights for kL1; everything for kL2). False where it cannot
// be solved. mu: for kL2, lambda / N to start from; 0 if not known.
bool polish(Attack attack, const Gaussian& problem, double eps, const double* theta, double mu,
            Candidate& out);

}  // namespace advspur::theory
