#include <algorithm>
#include <cmath>

#include "theory/blas.h"
#include "theory/dense.h"
#include "theory/eigen.h"
#include "theory/ridge_basis.h"

namespace advspur::theory {

void EigenBasis::reset(const Gaussian& problem) {
  const int64_t d = d_ = problem.d;
  std::vector<double>& values = measure.value;
  if (d <= kJacobi || !has_blas()) {
    rank_ = eigen_factor(d, problem.cov, rows_, values);
  } else {
    rows_.assign(problem.cov, problem.cov + d * d);
    values.resize(static_cast<size_t>(d));
    blas::syevd('V', 'L', static_cast<int>(d), rows_.data(), static_cast<int>(d), values.data());
    // ascending; null directions come first
    const double floor = static_cast<double>(d) * 2.3e-16 * values[d - 1];
    const auto null = std::upper_bound(values.begin(), values.end(), floor) - values.begin();
    rank_ = d - null;
    rows_.erase(rows_.begin(), rows_.begin() + null * d);
    values.erase(values.begin(), values.begin() + null);
    for (int64_t k = 0; k < rank_; ++k) {
      const double root = std::sqrt(values[k]);
      for (int64_t i = 0; i < d; ++i) rows_[k * d + i] *= root;
    }
  }
  values.resize(static_cast<size_t>(rank_));
  measure.weight2.resize(static_cast<size_t>(rank_));
  pull_.resize(static_cast<size_t>(rank_));
  coordinate_.resize(static_cast<size_t>(rank_));
  dense::row_dots(rank_, d, rows_.data(), d, problem.theta, pull_.data());
  for (int64_t k = 0; k < rank_; ++k) {
    pull_[k] *= std::sqrt(values[k]);
    measure.weight2[k] = pull_[k] * pull_[k];
  }
}

void EigenBasis::weights(int64_t count, const double* mu, double* theta, double* error) {
  const double* value = measure.value.data();
  std::fill_n(theta, count * d_, 0.0);
  std::fill_n(error, count * d_, 0.0);
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t k = 0; k < rank_; ++k)
      coordinate_[k] = pull_[k] / ((value[k] + mu[i]) * std::sqrt(value[k]));
    dense::add_rows(rank_, d_, coordinate_.data(), rows_.data(), d_, theta + i * d_);
    for (int64_t k = 0; k < rank_; ++k) coordinate_[k] *= -mu[i] / value[k];
    dense::add_rows(rank_, d_, coordinate_.data(), rows_.data(), d_, error + i * d_);
  }
}

void EigenBasis::pull_back(double* v) const {
  std::vector<double> coordinate(static_cast<size_t>(rank_));
  for (int64_t k = 0; k < rank_; ++k) {
    const double value = measure.value[k];
    coordinate[k] = pull_[k] / (value * value * std::sqrt(value));
  }
  std::fill_n(v, d_, 0.0);
  dense::add_rows(rank_, d_, coordinate.data(), rows_.data(), d_, v);
}

void EigenBasis::interpolator(double* theta) const {
  std::vector<double> coordinate(static_cast<size_t>(rank_));
  std::fill_n(theta, d_, 0.0);
  for (int64_t k = 0; k < rank_; ++k) {
    coordinate[k] = pull_[k] / (measure.value[k] * std::sqrt(measure.value[k]));
  }
  dense::add_rows(rank_, d_, coordinate.data(), rows_.data(), d_, theta);
  if (full_rank()) return;
  for (int64_t j = 0; j < d_; ++j) {  // what is nothing but rounding errors is an exact zero
    double size = 0;
    for (int64_t k = 0; k < rank_; ++k) size += std::abs(coordinate[k] * rows_[k * d_ + j]);
    if (std::abs(theta[j]) <= 1e-14 * size) theta[j] = 0;
  }
}

}  // namespace advspur::theory
