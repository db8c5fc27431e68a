// One radius: threshold, then algorithm B with A to fall back on.
#include <algorithm>
#include <cmath>
#include <limits>

#include "theory/blas.h"
#include "theory/finite_task.h"

namespace advspur::theory {

namespace {

double squared(const double* y, int n) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += y[i] * y[i];
  return sum;
}

}  // namespace

FiniteSolver::FiniteSolver(const FiniteSample& sample, Attack attack)
    : prepared_(sample), sample_(prepared_.sample()), attack_(attack), xty_(sample.d) {
  blas::gemv('N', sample.d, sample.n, 1, sample_.x, sample.d, sample_.y, 0, xty_.data());
  double total = 0;
  for (int i = 0; i < sample.n; ++i) total += std::fabs(sample_.y[i]);
  critical_eps_ = total > 0 ? attack_norm(attack, xty_.data(), sample.d) / total
                            : std::numeric_limits<double>::infinity();
}

FiniteFit FiniteSolver::fit(double eps, const FiniteOptions& options) {
  FiniteFit fit = fit_scaled(prepared_.scaled_eps(eps), options);
  prepared_.to_raw(fit);
  return fit;
}

FiniteFit FiniteSolver::fit_scaled(double eps, const FiniteOptions& options) {
  const int n = sample_.n, d = sample_.d;
  FiniteFit fit;
  const double yy = squared(sample_.y, n);
  if (yy == 0 || eps >= critical_eps_ || !(eps > 0)) {
    fit.weights.assign(d, 0.0);
    fit.objective = yy / n;
    fit.bound = eps > 0 ? fit.objective : 0;
    fit.gap = eps > 0 ? 0 : 1;
    return fit;
  }
  const FiniteTask task{sample_, attack_, eps, options, xty_, yy, critical_eps_};
  if (options.screen && n >= 3 * d && n >= 60) {
    if (gram_.empty()) {
      gram_.assign(static_cast<size_t>(d) * d, 0.0);
      blas::syrk('L', 'N', d, n, 1, sample_.x, d, 0, gram_.data(), d);
    }
    fit_screened(task, gram_, fit);
    if (fit.gap <= options.tol) return fit;
  }
  fit_full(task, fit);
  return fit;
}

void offer(const FiniteTask& task, const Point& point, const Vector& alpha, const Vector& beta,
           FiniteFit& fit) {
  Vector r;
  residuals(task.sample, point, r);
  const double value = objective(r, task.eps, weight_norm(task.attack, point.t.data(), task.sample.d));
  fit.bound = std::max(fit.bound, dual_bound(task.sample, task.attack, task.eps, alpha, beta));
  const bool reaches = value - fit.bound <= task.options.tol * value;
  if (fit.weights.empty() || value < fit.objective || reaches) {
    fit.weights = point.t;
    fit.intercept = point.b;
    fit.objective = value;
  }
  fit.gap = fit.objective > 0 ? std::max(0.0, fit.objective - fit.bound) / fit.objective : 0;
}

void offer(const FiniteTask& task, const InteriorResult& result, const Vector& alpha, const Vector& beta,
           FiniteFit& fit) {
  offer(task, result.point, alpha, beta, fit);
  if (result.rounded.t != result.point.t) offer(task, result.rounded, alpha, beta, fit);
}

}  // namespace advspur::theory
