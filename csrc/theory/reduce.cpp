#include "theory/reduce.h"

#include <algorithm>
#include <cmath>

#include "theory/dense.h"

namespace advspur::theory {

void Reduced::reset(int64_t d, const double* cov, const double* theta, double noise_std,
                    const uint8_t* core) {
  full_d_ = d;
  full_cov_ = cov;
  b_.assign(static_cast<size_t>(d), 0.0);
  dense::add_rows(d, d, theta, cov, d, b_.data());
  seen_.assign(static_cast<size_t>(d), 0);
  kept_.clear();
  for (int64_t j = 0; j < d; ++j) {
    if (b_[j] != 0) seen_[j] = 1, kept_.push_back(static_cast<int32_t>(j));
  }
  for (size_t next = 0; next < kept_.size() && kept_.size() < static_cast<size_t>(d); ++next) {
    const double* row = cov + kept_[next] * d;
    for (int64_t j = 0; j < d; ++j) {
      if (row[j] != 0 && !seen_[j]) seen_[j] = 1, kept_.push_back(static_cast<int32_t>(j));
    }
  }
  std::sort(kept_.begin(), kept_.end());
  const auto n = static_cast<int64_t>(kept_.size());
  spurious_.resize(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) spurious_[i] = core != nullptr && !core[kept_[i]];
  deviation_.resize(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) deviation_[i] = std::sqrt(cov[kept_[i] * d + kept_[i]]);
  problem_ = {n, cov, theta, b_.data(), deviation_.data(), spurious_.data(), noise_std * noise_std, 0.0};
  problem_.explained = std::max(0.0, dense::dot(d, theta, b_.data()));
  if (n == d) return;
  cov_.resize(static_cast<size_t>(n * n));
  theta_.resize(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) cov_[i * n + j] = cov[kept_[i] * d + kept_[j]];
    theta_[i] = theta[kept_[i]];
    b_[i] = b_[kept_[i]];
  }
  problem_.cov = cov_.data();
  problem_.theta = theta_.data();
}

bool Reduced::rest_is_singular() const {
  std::vector<int32_t> rest;
  for (int64_t j = 0; j < full_d_; ++j) {
    if (!seen_[j]) rest.push_back(static_cast<int32_t>(j));
  }
  const auto n = static_cast<int64_t>(rest.size());
  std::vector<double> block(static_cast<size_t>(n * n));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) block[i * n + j] = full_cov_[rest[i] * full_d_ + rest[j]];
  }
  return is_singular(n, block.data());
}

bool is_singular(int64_t d, const double* cov) {
  std::vector<double> copy(cov, cov + d * d);
  return dense::cholesky(d, copy.data(), d, 1e-14 * static_cast<double>(std::max<int64_t>(d, 10))) != 0;
}

}  // namespace advspur::theory
