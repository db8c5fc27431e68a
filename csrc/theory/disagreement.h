// Weights and their error theta - theta* are computed apart, since a difference would round. A certificate
// that uses both must know what they disagree by: rounding errors of the weights, or a null direction of the
// covariance.
#pragma once

#include <cstdint>
#include <vector>

#include "advspur/theory.h"
#include "theory/problem.h"

namespace advspur::theory {

class Disagreement {
 public:
  void reset() { shift_.clear(); }

  // What m = theta - theta* - error adds to a gap. Either theta* + error are the weights that are meant, and
  // m costs the size of its norm; or theta are, up to a kept null direction near m, which costs what it moves
  // s and the pulls by. per_norm, per_spread, per_defect: gap per unit of those.
  double cost(Attack attack, const Gaussian& problem, const double* theta, const double* error,
              double per_norm, double per_spread, double per_defect, double tolerated);

 private:
  double through_shift(Attack attack, double per_norm, double per_spread, double per_defect) const;

  std::vector<double> found_, shift_;
  double spread_ = 0,
         defect_ = 0;  // of shift_: the square root of shift' cov shift, and the length of cov shift
};

// The length of x (d) in the dual norm, which weights are measured in, or in the attack's own, which pulls
// are.
double weight_length(Attack attack, int64_t d, const double* x);
double pull_length(Attack attack, int64_t d, const double* x);

}  // namespace advspur::theory
