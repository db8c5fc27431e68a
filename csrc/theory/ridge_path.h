// l2 attack, q = 2: lambda = mu N turns the optimum into ridge regression, (cov + mu I) theta = b. One
// spectrum of the covariance answers every radius.
#pragma once

#include <cstdint>
#include <vector>

#include "theory/problem.h"

namespace advspur::theory {

class RidgePath {
 public:
  void reset(const Gaussian& problem);
  double critical() const { return critical_; }
  double plateau() const { return plateau_; }  // end of the noise-free plateau; 0 if there is noise

  double start_log_mu() const { return start_; }

  // mu at eps in (plateau, critical); `log_mu` is the last answer, to start from.
  double solve(double eps, double& log_mu) const;
  // theta and error = theta - theta* up to null directions, (d) each; mu = 0: the interpolator of least norm.
  void emit(double mu, double* theta, double* error) const;
  void plateau_gradient(double* gradient) const;  // cov v, v the direction in which the plateau is left
  bool full_rank() const { return rank_ == p_.d; }

 private:
  struct State {
    double eps, slope;  // E(mu) and dE / d log mu
  };
  State evaluate(double mu) const;

  Gaussian p_;
  int64_t rank_ = 0;
  double critical_ = 0, plateau_ = 0, start_ = 0;
  std::vector<double> rows_, values_;   // orthogonal eigenvectors times sqrt(value), and values
  std::vector<double> pull_, weight2_;  // coordinates of b along unit eigenvectors, and their squares
  mutable std::vector<double> coordinate_;
};

}  // namespace advspur::theory
