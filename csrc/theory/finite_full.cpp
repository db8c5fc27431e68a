#include <algorithm>
#include <cmath>

#include "theory/blas.h"
#include "theory/finite_task.h"

namespace advspur::theory {

namespace {

InteriorResult solve(const FiniteTask& task, double eps, bool by_columns) {
  const FiniteSample& sample = task.sample;
  FiniteTask at{sample, task.attack, eps, task.options, task.xty, task.yy, task.critical_eps};
  const Point start = shrunk_ridge(at, nullptr);
  Vector r;
  residuals(sample, start, r);
  InteriorOptions inner;
  inner.max_iter = task.options.max_iter;
  inner.by_columns = by_columns;
  inner.tol = 0.5 * task.options.tol;
  inner.products = 0.1 * sample.n * objective(r, eps, weight_norm(task.attack, start.t.data(), sample.d));
  return interior_point(task.attack, eps, sample.d, sample.intercept,
                        InequalityRows{sample.x, sample.y, sample.n}, nullptr, start, inner);
}

// Largest |r| relative to eps N.
double misfit(const FiniteTask& task, double eps, const Point& point) {
  Vector r;
  residuals(task.sample, point, r);
  double top = 0;
  for (const double v : r) top = std::max(top, std::fabs(v));
  return top / (eps * weight_norm(task.attack, point.t.data(), task.sample.d));
}

constexpr double kNearlyZero = 1e-4;
constexpr int kLargeColumns = 3000;  // above, a second try by columns would take longer than it is worth

// Up to some radius the optimum interpolates with the smallest norm and does not depend on the radius. It is
// found at a radius where the numbers are of one size; a small one would drown in the rounding of y.
void fit_interpolating(const FiniteTask& task, bool by_columns, FiniteFit& fit) {
  const double well_scaled = 0.02 * task.critical_eps;
  if (task.eps >= well_scaled) return;
  InteriorResult result = solve(task, well_scaled, by_columns);
  fit.iterations += result.iterations;
  if (misfit(task, well_scaled, result.point) > kNearlyZero) return;
  const double ratio = task.eps / well_scaled;
  for (double& v : result.alpha) v *= ratio * ratio;
  const Vector beta(task.sample.n, task.eps * result.norm);
  interpolate(task, result.point);
  interpolate(task, result.rounded);
  offer(task, result, result.alpha, beta, fit);
}

}  // namespace

void fit_full(const FiniteTask& task, FiniteFit& fit) {
  const int n = task.sample.n, d = task.sample.d;
  // Eliminating the weights is cheap for few rows, eliminating the rows is more exact where the optimum is a
  // vertex.
  for (const bool by_columns : {false, true}) {
    if (n <= d) fit_interpolating(task, by_columns, fit);
    if (fit.gap <= task.options.tol && !fit.weights.empty()) return;
    const InteriorResult result = solve(task, task.eps, by_columns);
    fit.iterations += result.iterations;
    offer(task, result, result.alpha, result.beta, fit);
    if (n <= d && misfit(task, task.eps, result.point) < kNearlyZero) {
      InteriorResult exact = result;
      interpolate(task, exact.point);
      interpolate(task, exact.rounded);
      offer(task, exact, result.alpha, result.beta, fit);
    }
    if (fit.gap <= task.options.tol || n >= d || d > kLargeColumns) return;
  }
}

bool interpolate(const FiniteTask& task, Point& point) {
  // dt = S^2 X'z + t t'X'z, db = 1'z scaled: moves each weight by how free it is, and all of them along t.
  const FiniteSample& sample = task.sample;
  const size_t n = sample.n, d = sample.d;
  const double norm = weight_norm(task.attack, point.t.data(), sample.d);
  Vector free(d, 1.0), wide((d + 2) * n), kernel(n * n), z, r;
  for (size_t j = 0; j < d; ++j) {
    if (task.attack == Attack::kLinf) free[j] = std::fabs(point.t[j]);
    if (task.attack == Attack::kL1) free[j] = norm - std::fabs(point.t[j]);
  }
  residuals(sample, point, r);
  double size = 0;
  for (size_t i = 0; i < n; ++i) {
    double* row = wide.data() + i * (d + 2);
    for (size_t j = 0; j < d; ++j) {
      row[j] = sample.x[i * d + j] * free[j];
      size += row[j] * row[j];
    }
    row[d] = r[i] + sample.y[i] - point.b;
  }
  const double one = sample.intercept ? std::sqrt(size / n) : 0;
  for (size_t i = 0; i < n; ++i) wide[i * (d + 2) + d + 1] = one;
  blas::syrk('L', 'T', sample.n, sample.d + 2, 1, wide.data(), sample.d + 2, 0, kernel.data(), sample.n);
  if (blas::potrf('L', sample.n, kernel.data(), sample.n) != 0) return false;
  Vector move(d + 2);
  for (int pass = 0; pass < 3; ++pass) {
    z = r;
    blas::potrs('L', sample.n, 1, kernel.data(), sample.n, z.data(), sample.n);
    blas::gemv('N', sample.d + 2, sample.n, 1, wide.data(), sample.d + 2, z.data(), 0, move.data());
    Point next = point;
    for (size_t j = 0; j < d; ++j) next.t[j] -= free[j] * move[j] + move[d] * point.t[j];
    next.b -= one * move[d + 1];
    Vector after;
    residuals(sample, next, after);
    double before_size = 0, after_size = 0;
    for (size_t i = 0; i < n; ++i) {
      before_size = std::max(before_size, std::fabs(r[i]));
      after_size = std::max(after_size, std::fabs(after[i]));
    }
    if (!(after_size < before_size)) return pass > 0;
    point = next;
    r = after;
  }
  return true;
}

}  // namespace advspur::theory
