// One radius: threshold, plug-in start, screening, interior point, certificate.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "theory/blas.h"
#include "theory/finite_models.h"
#include "theory/finite_problem.h"
#include "theory/finite_system.h"

namespace advspur::theory {

namespace {

double squared(const double* y, int n) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += y[i] * y[i];
  return sum;
}

constexpr double kMeanAbsNormal = 0.797884560802865355880;  // E|z|, z standard normal

// Ridge regression, shrunk to where the plug-in risk along its ray is least: a start for every norm.
Point shrunk_ridge(const FiniteSample& sample, Attack attack, double eps, const Vector* gram,
                   const Vector& xty, double yy) {
  const int n = sample.n, d = sample.d;
  double trace = 0;
  Vector ones(n, 1.0);
  if (gram != nullptr) {
    for (int j = 0; j < d; ++j) trace += (*gram)[static_cast<size_t>(j) * (d + 1)];
  } else {
    for (size_t k = 0; k < static_cast<size_t>(n) * d; ++k) trace += sample.x[k] * sample.x[k];
  }
  Point point{xty, 0};
  const Vector ridge(d, (n > d ? 1e-6 : 1e-2) * trace / std::min(n, d));
  BorderedSystem system(d);
  if (!system.factor(gram != nullptr ? gram->data() : nullptr, 1, sample.x, ones.data(),
                     gram != nullptr ? 0 : n, ridge.data())) {
    return Point{Vector(d, 0.0), 0};
  }
  Vector r(n), none(n, 0.0);
  system.border(0, nullptr, nullptr, -1);
  system.solve(point.t.data(), nullptr, none.data(), r.data());
  residuals(sample, point, r);
  double pp = 0, py = 0;
  for (int i = 0; i < n; ++i) {
    const double fitted = r[i] + sample.y[i];
    pp += fitted * fitted;
    py += fitted * sample.y[i];
  }
  const double norm = weight_norm(attack, point.t.data(), d),
               k = kMeanAbsNormal * eps * norm * std::sqrt(1.0 * n);
  const double nn = n * eps * eps * norm * norm;
  double lo = 0, hi = 1;
  for (int step = 0; step < 30; ++step) {
    const double z = 0.5 * (lo + hi), size = std::sqrt(std::max(yy - 2 * z * py + z * z * pp, 1e-14 * yy));
    const double slope = (z * pp - py) * (1 + k * z / size) + k * size + nn * z;
    (slope > 0 ? hi : lo) = z;
  }
  for (double& v : point.t) v *= lo;
  return point;
}

// Takes the point over if it is better than the best so far, in its rounded form where that reaches tol as
// well.
void offer(FiniteFit& fit, const FiniteSample& sample, Attack attack, double eps, double tol,
           const InteriorResult& result, const Vector& r, const Vector& alpha, const Vector& beta) {
  const double norm = weight_norm(attack, result.point.t.data(), sample.d);
  fit.bound = std::max(fit.bound, dual_bound(sample, attack, eps, alpha, beta));
  double value = objective(r, eps, norm);
  const Point* point = &result.point;
  if (result.rounded.t != result.point.t) {
    Vector rounded;
    residuals(sample, result.rounded, rounded);
    const double other = objective(rounded, eps, weight_norm(attack, result.rounded.t.data(), sample.d));
    if (other - fit.bound <= tol * other || other < value) {
      value = other;
      point = &result.rounded;
    }
  }
  if (fit.weights.empty() || value < fit.objective) {
    fit.weights = point->t;
    fit.intercept = point->b;
    fit.objective = value;
  }
  fit.gap = fit.objective > 0 ? std::max(0.0, fit.objective - fit.bound) / fit.objective : 0;
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
  Point point{Vector(d, 0.0), 0};
  Vector r;
  InteriorOptions inner;
  inner.max_iter = options.max_iter;
  if (options.screen && n >= 3 * d && n >= 60) {
    if (gram_.empty()) {
      gram_.assign(static_cast<size_t>(d) * d, 0.0);
      blas::syrk('L', 'N', d, n, 1, sample_.x, d, 0, gram_.data(), d);
    }
    PlugInModel plug_in(sample_, gram_, xty_, yy, eps);
    point = shrunk_ridge(sample_, attack_, eps, &gram_, xty_, yy);
    inner.tol = 1e-2;
    residuals(sample_, point, r);
    inner.products = 0.1 * n * objective(r, eps, weight_norm(attack_, point.t.data(), d));
    InteriorResult result = interior_point(attack_, eps, d, false, InequalityRows{}, &plug_in, point, inner);
    fit.iterations += result.iterations;
    point = result.point;
    residuals(sample_, point, r);

    std::vector<int> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::vector<char> kept(n, 0);
    size_t want = std::max(n / 10, std::min(n, 40));
    std::nth_element(order.begin(), order.begin() + (want - 1), order.end(),
                     [&](int i, int j) { return std::fabs(r[i]) < std::fabs(r[j]); });
    const double width = std::fabs(r[order[want - 1]]);
    for (size_t k = 0; k < want; ++k) kept[order[k]] = 1;
    inner.tol = 0.3 * options.tol;
    for (fit.rounds = 1; fit.rounds <= 6; ++fit.rounds) {
      Vector kept_x, kept_y;
      for (int i = 0; i < n; ++i) {
        if (!kept[i]) continue;
        kept_x.insert(kept_x.end(), sample_.x + static_cast<size_t>(i) * d,
                      sample_.x + static_cast<size_t>(i + 1) * d);
        kept_y.push_back(sample_.y[i]);
      }
      const int count = static_cast<int>(kept_y.size());
      FixedSignModel outside(sample_, gram_, xty_, kept, kept_x, r, eps);
      const double norm = weight_norm(attack_, point.t.data(), d);
      inner.products = 0.3 * width * (width + eps * norm) * 2 * count;
      result = interior_point(attack_, eps, d, sample_.intercept,
                              InequalityRows{kept_x.data(), kept_y.data(), count}, &outside, point, inner);
      fit.iterations += result.iterations;
      point = result.point;
      Vector before = r;
      residuals(sample_, point, r);
      Vector alpha(n), beta(n);
      int flipped = 0, k = 0;
      for (int i = 0; i < n; ++i) {
        if (kept[i]) {
          alpha[i] = result.alpha[k];
          beta[i] = result.beta[k++];
        } else {
          beta[i] = std::fabs(r[i]) + eps * result.norm;
          alpha[i] = std::copysign(beta[i], r[i]);
          if ((before[i] < 0) != (r[i] < 0)) {
            kept[i] = 1;
            ++flipped;
          }
        }
      }
      offer(fit, sample_, attack_, eps, options.tol, result, r, alpha, beta);
      if (fit.gap <= options.tol || flipped == 0) break;
    }
    if (fit.gap <= options.tol) return fit;
  }
  // Algorithm A: every row an inequality.
  inner.tol = 0.3 * options.tol;
  point = shrunk_ridge(sample_, attack_, eps, nullptr, xty_, yy);
  residuals(sample_, point, r);
  inner.products = 0.1 * n * objective(r, eps, weight_norm(attack_, point.t.data(), d));
  const InteriorResult result = interior_point(
      attack_, eps, d, sample_.intercept, InequalityRows{sample_.x, sample_.y, n}, nullptr, point, inner);
  fit.iterations += result.iterations;
  residuals(sample_, result.point, r);
  offer(fit, sample_, attack_, eps, options.tol, result, r, result.alpha, result.beta);
  return fit;
}

}  // namespace advspur::theory
