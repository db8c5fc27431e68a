// Features that cannot matter are taken out before anything else: their weights are exact zeros, not rounding
// errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "theory/problem.h"

namespace advspur::theory {

// The problem restricted to the features that are connected with the label through non-zero covariances. On
// the others (zero variance, or in blocks of their own without correlation with the label) weight 0 is
// optimal for every norm.
class Reduced {
 public:
  void reset(int64_t d, const double* cov, const double* theta, double noise_std, const uint8_t* core);

  const Gaussian& problem() const { return problem_; }
  void set_deviation_length(double length) { problem_.deviation_length = length; }
  bool everything() const { return kept_.size() == static_cast<size_t>(full_d_); }
  const std::vector<int32_t>& kept() const { return kept_; }
  bool rest_is_singular() const;  // whether the covariance of the removed features is

 private:
  int64_t full_d_ = 0;
  const double* full_cov_ = nullptr;
  Gaussian problem_;
  std::vector<int32_t> kept_;
  std::vector<uint8_t> seen_, spurious_;
  std::vector<double> cov_, theta_, b_, deviation_;
};

// Whether a covariance has a null direction, judged per feature.
bool is_singular(int64_t d, const double* cov);

}  // namespace advspur::theory
