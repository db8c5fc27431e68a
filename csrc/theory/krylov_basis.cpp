// Lanczos' recurrence from theta*, every vector made orthogonal to all before it. theta and error lie in the
// space it spans up to the residual of cov x = theta*, which bounds that of every mu > 0.
#include <algorithm>
#include <cmath>

#include "theory/blas.h"
#include "theory/dense.h"
#include "theory/ridge_basis.h"
#include "theory/tridiagonal.h"

namespace advspur::theory {
namespace {
constexpr double kResidual = 2e-17;  // relative to theta*
constexpr int64_t kTrial = 32;       // steps after which the rate is known well enough
}  // namespace

bool KrylovBasis::reset(const Gaussian& problem) {
  const int64_t d = d_ = problem.d, limit = d / 4;
  theta_ = problem.theta;
  length_ = std::sqrt(dense::dot(d, theta_, theta_));
  if (!(length_ > 1e-140 && length_ < 1e140)) return false;
  vectors_.clear(), diagonal_.clear(), off_.clear();
  std::vector<double> next(static_cast<size_t>(d)), share(static_cast<size_t>(limit));
  for (int64_t j = 0; j < d; ++j) next[j] = theta_[j] / length_;
  double residual = 1, pivot = 0;
  while (true) {
    vectors_.insert(vectors_.end(), next.begin(), next.end());
    const auto k = static_cast<int64_t>(diagonal_.size()) + 1;
    blas::symv('L', static_cast<int>(d), 1.0, problem.cov, static_cast<int>(d), vectors_.data() + (k - 1) * d,
               0.0, next.data());
    const double along = dense::dot(d, vectors_.data() + (k - 1) * d, next.data());
    diagonal_.push_back(along);
    pivot = k == 1 ? along : along - off_.back() * off_.back() / pivot;
    if (!(pivot > 0)) return false;
    for (int pass = 0; pass < 2; ++pass) {
      dense::row_dots(k, d, vectors_.data(), d, next.data(), share.data());
      for (int64_t i = 0; i < k; ++i) share[i] = -share[i];
      dense::add_rows(k, d, share.data(), vectors_.data(), d, next.data());
    }
    const double off = std::sqrt(dense::dot(d, next.data(), next.data()));
    off_.push_back(off);
    residual *= off / pivot;
    if (!(residual < 1e100)) return false;
    if (residual <= kResidual) break;
    const bool slow = k >= kTrial && static_cast<double>(k) * std::log(kResidual) <
                                         static_cast<double>(limit) * std::min(0.0, std::log(residual));
    if (k == limit || slow) return false;
    for (double& x : next) x /= off;
  }
  const size_t k = diagonal_.size();
  std::vector<double> e(off_), z(k);
  measure.value = diagonal_;
  if (!first_components(static_cast<int64_t>(k), measure.value.data(), e.data(), z.data())) return false;
  if (!(*std::min_element(measure.value.begin(), measure.value.end()) > 0)) return false;
  measure.weight2.resize(k);
  for (size_t i = 0; i < k; ++i) {
    const double b = measure.value[i] * z[i] * length_;
    measure.weight2[i] = b * b;
  }
  return true;
}

void KrylovBasis::weights(int64_t count, const double* mu, double* theta, double* error) {
  const auto k = static_cast<int64_t>(diagonal_.size());
  std::vector<double> x(static_cast<size_t>(count * k)), first(static_cast<size_t>(count)), second(first);
  double mean = 0;
  for (const double t : diagonal_) mean += t / static_cast<double>(k);
  // the smaller of error and theta is solved for, so that neither cancels; `error` holds it for both
  for (int64_t i = 0; i < count; ++i) {
    const bool small = mu[i] < mean;
    first[i] = small ? -mu[i] * length_ : diagonal_[0] * length_;
    second[i] = small ? 0.0 : off_[0] * length_;
  }
  solve_tridiagonals(count, k, diagonal_.data(), off_.data(), mu, first.data(), second.data(), x.data());
  std::fill_n(error, count * d_, 0.0);
  dense::add_product(count, d_, k, 1.0, x.data(), 1, k, vectors_.data(), d_, error, d_);
  for (int64_t i = 0; i < count; ++i) {
    double *row = error + i * d_, *out = theta + i * d_;
    if (mu[i] < mean) {
      for (int64_t j = 0; j < d_; ++j) out[j] = theta_[j] + row[j];
    } else {
      for (int64_t j = 0; j < d_; ++j) out[j] = row[j], row[j] -= theta_[j];
    }
  }
}

double KrylovBasis::inverse_energy() const {
  std::vector<double> pivot(diagonal_), x(diagonal_);
  solve_tridiagonal(static_cast<int64_t>(x.size()), diagonal_.data(), off_.data(), 0.0, length_, 0.0,
                    pivot.data(), x.data());
  return x[0] * length_;
}

}  // namespace advspur::theory
