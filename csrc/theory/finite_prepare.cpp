#include <algorithm>
#include <cmath>
#include <limits>

#include "advspur/finite.h"

namespace advspur::theory {

namespace {

// What is left of a constant after its mean is taken off, relative to it.
constexpr double kRounding = 64 * std::numeric_limits<double>::epsilon();

// The power of two that brings the largest entry into [0.5, 1): exact, so that results do not depend on it.
double power_of_two(const double* a, size_t count) {
  double top = 0;
  for (size_t i = 0; i < count; ++i) top = std::max(top, std::fabs(a[i]));
  int exponent = 0;
  std::frexp(top, &exponent);
  return top > 0 ? std::ldexp(1.0, std::clamp(-exponent, -1000, 1000)) : 1.0;
}

// Takes the column means off; a column that is constant up to rounding becomes exactly 0.
void centre(double* a, int n, int d, double* mean) {
  std::vector<double> block(d), squares(d, 0.0);
  std::fill(mean, mean + d, 0.0);
  for (int from = 0; from < n; from += 64) {  // sums of sums: the rounding grows with n / 64 only
    std::fill(block.begin(), block.end(), 0.0);
    for (int i = from; i < std::min(n, from + 64); ++i) {
      for (int j = 0; j < d; ++j) block[j] += a[static_cast<size_t>(i) * d + j];
    }
    for (int j = 0; j < d; ++j) mean[j] += block[j];
  }
  for (int j = 0; j < d; ++j) mean[j] /= n;
  for (int i = 0; i < n; ++i) {
    double* row = a + static_cast<size_t>(i) * d;
    for (int j = 0; j < d; ++j) {
      row[j] -= mean[j];
      squares[j] += row[j] * row[j];
    }
  }
  for (int j = 0; j < d; ++j) {
    if (squares[j] > n * kRounding * kRounding * mean[j] * mean[j]) continue;
    for (int i = 0; i < n; ++i) a[static_cast<size_t>(i) * d + j] = 0;
  }
}

}  // namespace

PreparedSample::PreparedSample(const FiniteSample& raw)
    : sample_(raw), x_(static_cast<size_t>(raw.n) * raw.d), y_(raw.n), x_mean_(raw.d, 0.0) {
  x_scale_ = power_of_two(raw.x, x_.size());
  y_scale_ = power_of_two(raw.y, y_.size());
  for (size_t i = 0; i < x_.size(); ++i) x_[i] = raw.x[i] * x_scale_;
  for (size_t i = 0; i < y_.size(); ++i) y_[i] = raw.y[i] * y_scale_;
  if (raw.intercept) {
    centre(x_.data(), raw.n, raw.d, x_mean_.data());
    centre(y_.data(), raw.n, 1, &y_mean_);
  }
  sample_.x = x_.data();
  sample_.y = y_.data();
}

void PreparedSample::to_raw(FiniteFit& fit) const {
  double offset = fit.intercept + y_mean_;
  for (size_t j = 0; j < fit.weights.size(); ++j) {
    offset -= fit.weights[j] * x_mean_[j];
    fit.weights[j] *= x_scale_ / y_scale_;
  }
  fit.intercept = offset / y_scale_;
  fit.objective = fit.objective / y_scale_ / y_scale_;
  fit.bound = fit.bound / y_scale_ / y_scale_;
}

}  // namespace advspur::theory
