// l2 attack, q = 2: lambda = mu N turns the optimum into ridge regression, (cov + mu I) theta = b. One
// spectrum of the covariance answers every radius.
#pragma once

#include <cstdint>
#include <vector>

#include "theory/polish.h"
#include "theory/problem.h"
#include "theory/ridge_basis.h"

namespace advspur::theory {

// The scalar equation E(mu) = eps over a spectral measure.
class RidgeScalar {
 public:
  void reset(const Measure& measure, double noise_variance, double critical, double plateau);

  // mu at eps in (plateau, critical); `log_mu` is the last answer, to start from.
  double solve(double eps, double& log_mu) const;
  double start() const { return start_; }  // a log mu to begin with

 private:
  struct State {
    double eps, slope;  // E(mu) and dE / d log mu
  };
  State evaluate(double mu) const;

  const Measure* measure_ = nullptr;
  double noise_variance_ = 0, critical_ = 0, plateau_ = 0, start_ = 0, least_ = 0;
};

class RidgePath {
 public:
  // shortest: false unless a few dozen products with the covariance are enough.
  bool reset(const Gaussian& problem, double critical, bool shortest = false);
  double plateau() const { return plateau_; }  // end of the noise-free plateau; 0 if there is noise

  // theta and error = theta - theta* (up to null directions of cov) at eps (count), descending, in (plateau,
  // critical).
  void weights(int64_t count, const double* eps, double* theta, double* error);

  // For features of scales far apart, without noise: the plateau's end in 32 digits, for full rank.
  void refine_end();

  // The interpolator of least norm, and the line by which it is left.
  void end(Candidate& out) const;

  double mu(int64_t i) const { return mu_[i]; }  // lambda / N of the i-th of the last weights

 private:
  Gaussian p_;
  double critical_ = 0, plateau_ = 0;
  Candidate end_;
  EigenBasis eigen_;
  TridiagonalBasis tridiagonal_;
  KrylovBasis krylov_;
  RidgeBasis* basis_ = nullptr;
  RidgeScalar scalar_;
  std::vector<double> mu_;
};

}  // namespace advspur::theory
