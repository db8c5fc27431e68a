#include "theory/ridge_path.h"

#include <algorithm>
#include <cmath>

#include "theory/blas.h"
#include "theory/dense.h"
#include "theory/eigen.h"
#include "theory/scalar_solve.h"
#include "theory/wide.h"

#pragma GCC optimize("fp-contract=fast")

namespace advspur::theory {
namespace {

constexpr int64_t kJacobi = 64;  // beyond, LAPACK's divide and conquer

struct Sums {
  double n2, s2, t;
};

// N^2 = sum w / (l + mu)^2, T = sum w / (l + mu)^3, s^2 - sigma^2 = mu^2 sum w / (l (l + mu)^2), w the
// squares of b's coordinates.
ADVSPUR_CLONES Sums sums(int64_t n, const double* value, const double* weight2, double mu) {
  Wide n2{}, s2{}, t{};
  double n2_rest = 0, s2_rest = 0, t_rest = 0;
  int64_t i = 0;
  for (; i + kWide <= n; i += kWide) {
    const Wide l = load(value + i), f = 1.0 / (l + mu), a = load(weight2 + i) * f * f;
    n2 += a, t += a * f, s2 += a / l;
  }
  for (; i < n; ++i) {
    const double f = 1.0 / (value[i] + mu), a = weight2[i] * f * f;
    n2_rest += a, t_rest += a * f, s2_rest += a / value[i];
  }
  return {total(n2) + n2_rest, mu * mu * (total(s2) + s2_rest), total(t) + t_rest};
}

}  // namespace

void RidgePath::reset(const Gaussian& problem) {
  p_ = problem;
  const int64_t d = p_.d;
  if (d <= kJacobi || !has_blas()) {
    rank_ = eigen_factor(d, p_.cov, rows_, values_);
  } else {
    rows_.assign(p_.cov, p_.cov + d * d);
    values_.resize(static_cast<size_t>(d));
    blas::syevd('V', 'L', static_cast<int>(d), rows_.data(), static_cast<int>(d), values_.data());
    // ascending; null directions first
    const double floor = static_cast<double>(d) * 2.3e-16 * values_[d - 1];
    const auto null = std::upper_bound(values_.begin(), values_.end(), floor) - values_.begin();
    rank_ = d - null;
    rows_.erase(rows_.begin(), rows_.begin() + null * d);
    values_.erase(values_.begin(), values_.begin() + null);
    for (int64_t k = 0; k < rank_; ++k) {
      const double root = std::sqrt(values_[k]);
      for (int64_t i = 0; i < d; ++i) rows_[k * d + i] *= root;
    }
  }
  pull_.resize(static_cast<size_t>(rank_));
  weight2_.resize(static_cast<size_t>(rank_));
  coordinate_.resize(static_cast<size_t>(rank_));
  dense::row_dots(rank_, d, rows_.data(), d, p_.theta, pull_.data());
  double total_pull = 0, plateau_norm2 = 0, tau = 0;
  for (int64_t k = 0; k < rank_; ++k) {
    const double l = values_[k];
    pull_[k] *= std::sqrt(l);  // l beta
    const double w = weight2_[k] = pull_[k] * pull_[k];
    total_pull += w;
    plateau_norm2 += w / (l * l);
    tau += w / (l * l * l);
  }
  const double variance = p_.explained + p_.noise_variance;
  critical_ = total_pull > 0 && variance > 0 ? std::sqrt(total_pull) / (kC * std::sqrt(variance)) : 0.0;
  start_ = std::log(*std::max_element(values_.begin(), values_.begin() + rank_));
  plateau_ = p_.noise_variance > 0 || tau == 0 ? 0.0 : kC * std::sqrt(plateau_norm2 / tau);
}

RidgePath::State RidgePath::evaluate(double mu) const {
  const Sums sum = sums(rank_, values_.data(), weight2_.data(), mu);
  const double n = std::sqrt(sum.n2), s = std::sqrt(p_.noise_variance + sum.s2), lambda = mu * n;
  const double eps = radius(lambda, s, n);
  const double ds = mu * sum.t / s, dn = -sum.t / n;
  const double a = kC * (s * s - lambda * n);
  const double f_mu = (ds * n + s * dn) * eps * eps + kC * (4 * mu * sum.t - sum.n2) * eps -
                      (n * s + mu * dn * s + mu * n * ds);
  return {eps, -mu * f_mu / (2 * s * n * eps + a)};
}

double RidgePath::solve(double eps, double& log_mu) const {
  // h(x) = log (E - plateau) / (critical - E), x = log mu, is nearly linear: Newton, kept inside a bracket
  const double target = std::log((eps - plateau_) / (critical_ - eps));
  double low = -HUGE_VAL, high = HUGE_VAL, x = log_mu;
  for (int step = 0; step < 200; ++step) {
    const State at = evaluate(std::exp(x));
    const double over = at.eps - plateau_, under = critical_ - at.eps;
    (at.eps > eps ? high : low) = x;
    double next = at.eps > eps ? x - 4 : x + 4;
    if (over > 0 && under > 0 && at.slope > 0) {
      const double newton = (target - std::log(over / under)) / (at.slope * (1 / over + 1 / under));
      if (std::abs(newton) <= 1e-8) {  // the error is now below the square of this step
        x += newton;
        break;
      }
      next = x + std::clamp(newton, -20.0, 20.0);
    }
    if (!(next > low && next < high)) {
      next = std::isinf(low) ? x - 4 : (std::isinf(high) ? x + 4 : 0.5 * (low + high));
      if (next == x) break;
    }
    x = next;
  }
  log_mu = x;
  return std::exp(x);
}

void RidgePath::emit(double mu, double* theta, double* error) const {
  for (int64_t k = 0; k < rank_; ++k) coordinate_[k] = pull_[k] / ((values_[k] + mu) * std::sqrt(values_[k]));
  std::fill_n(theta, p_.d, 0.0);
  dense::add_rows(rank_, p_.d, coordinate_.data(), rows_.data(), p_.d, theta);
  for (int64_t k = 0; k < rank_; ++k) coordinate_[k] *= -mu / values_[k];
  std::fill_n(error, p_.d, 0.0);
  dense::add_rows(rank_, p_.d, coordinate_.data(), rows_.data(), p_.d, error);
}

void RidgePath::plateau_gradient(double* gradient) const {
  double norm2 = 0;
  for (int64_t k = 0; k < rank_; ++k) norm2 += weight2_[k] / (values_[k] * values_[k]);
  const double n = std::sqrt(norm2);
  for (int64_t k = 0; k < rank_; ++k) coordinate_[k] = pull_[k] / (values_[k] * std::sqrt(values_[k]) * n);
  std::fill_n(gradient, p_.d, 0.0);
  dense::add_rows(rank_, p_.d, coordinate_.data(), rows_.data(), p_.d, gradient);
}

}  // namespace advspur::theory
