#include "theory/ridge_path.h"

#include <algorithm>
#include <cmath>

#include "theory/blas.h"
#include "theory/dense.h"
#include "theory/scalar_solve.h"
#include "theory/wide.h"

#pragma GCC optimize("fp-contract=fast")

namespace advspur::theory {
namespace {

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

void RidgeScalar::reset(const Measure& measure, double noise_variance, double critical, double plateau) {
  measure_ = &measure;
  noise_variance_ = noise_variance, critical_ = critical, plateau_ = plateau;
  const auto [least, most] = std::minmax_element(measure.value.begin(), measure.value.end());
  start_ = std::log(*most), least_ = std::log(*least) - 40;
}

RidgeScalar::State RidgeScalar::evaluate(double mu) const {
  const Sums sum = sums(static_cast<int64_t>(measure_->value.size()), measure_->value.data(),
                        measure_->weight2.data(), mu);
  const double n = std::sqrt(sum.n2), s = std::sqrt(noise_variance_ + sum.s2), lambda = mu * n;
  const double eps = radius(lambda, s, n);
  const double ds = mu * sum.t / s, dn = -sum.t / n;
  const double a = kC * (s * s - lambda * n);
  const double f_mu = (ds * n + s * dn) * eps * eps + kC * (4 * mu * sum.t - sum.n2) * eps -
                      (n * s + mu * dn * s + mu * n * ds);
  return {eps, -mu * f_mu / (2 * s * n * eps + a)};
}

double RidgeScalar::solve(double eps, double& log_mu) const {
  // h(x) = log (E - plateau) / (critical - E), x = log mu, is nearly linear: Newton, kept inside a bracket
  const double target = std::log((eps - plateau_) / (critical_ - eps));
  // beyond these ends E is the critical radius, or the plateau, to the last digit
  const double first = noise_variance_ > 0 ? -HUGE_VAL : least_, last = start_ + 40;
  double low = -HUGE_VAL, high = HUGE_VAL, x = std::clamp(log_mu, first, last);
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
    next = std::clamp(next, first, last);
    if (next == x) break;
    x = next;
  }
  log_mu = x;
  return std::exp(x);
}

bool RidgePath::reset(const Gaussian& problem, double critical, bool shortest) {
  p_ = problem;
  critical_ = critical;
  end_ = {};
  basis_ = nullptr;
  double energy = 0;
  if (p_.d >= KrylovBasis::kWorth && has_blas() && krylov_.reset(p_)) {
    basis_ = &krylov_;
    energy = krylov_.inverse_energy();
  } else if (shortest) {
    return false;
  } else if (p_.d > EigenBasis::kJacobi && has_blas() && tridiagonal_.reset(p_)) {
    basis_ = &tridiagonal_;
    energy = tridiagonal_.inverse_energy();
  }
  plateau_ = 0;
  if (basis_ != nullptr) {
    if (p_.noise_variance == 0) {
      plateau_ = kC * std::sqrt(dense::dot(p_.d, p_.theta, p_.theta) / energy);
    }
  } else {
    eigen_.reset(p_);
    basis_ = &eigen_;
    double norm2 = 0, tau = 0;
    for (size_t k = 0; k < eigen_.measure.value.size(); ++k) {
      const double l = eigen_.measure.value[k], share = eigen_.measure.weight2[k] / (l * l);
      norm2 += share, tau += share / l;
    }
    if (p_.noise_variance == 0 && tau > 0) plateau_ = kC * std::sqrt(norm2 / tau);
  }
  scalar_.reset(basis_->measure, p_.noise_variance, critical_, plateau_);
  return true;
}

namespace {
// x = cov^-1 x for a covariance of full rank.
void solve_plain(const Gaussian& p, double* x) {
  std::vector<double> factor(p.cov, p.cov + p.d * p.d);
  if (dense::cholesky(p.d, factor.data(), p.d) == 0) dense::solve_cholesky(p.d, factor.data(), p.d, x);
}
}  // namespace

void RidgePath::refine_end() {
  if (p_.noise_variance > 0) return;
  if (ridge_end(p_, end_)) {
    plateau_ = kC / std::sqrt(end_.tau);
    scalar_.reset(basis_->measure, p_.noise_variance, critical_, plateau_);
  }
}

void RidgePath::end(Candidate& out) const {
  if (!end_.theta.empty()) {
    out = end_;
    return;
  }
  const auto d = static_cast<size_t>(p_.d);
  std::vector<double> theta(p_.theta, p_.theta + p_.d), error(d, 0.0), v(theta);
  if (basis_ != &eigen_) {
    solve_plain(p_, v.data());
  } else {
    eigen_.pull_back(v.data());
    if (!eigen_.full_rank()) {
      eigen_.interpolator(theta.data());
      for (size_t j = 0; j < d; ++j) error[j] = theta[j] - p_.theta[j];
    }
  }
  weigh(p_, std::vector<Twofold>(error.begin(), error.end()), theta, out);
  lean_plain(p_, v, out);
}

void RidgePath::weights(int64_t count, const double* eps, double* theta, double* error) {
  mu_.resize(static_cast<size_t>(count));
  double log_mu = scalar_.start();
  for (int64_t i = 0; i < count; ++i) mu_[i] = scalar_.solve(eps[i], log_mu);
  basis_->weights(count, mu_.data(), theta, error);
}

}  // namespace advspur::theory
