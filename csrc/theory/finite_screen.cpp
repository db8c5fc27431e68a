#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "theory/finite_models.h"
#include "theory/finite_task.h"

namespace advspur::theory {

namespace {

// The rows with the smallest residuals: more of them where few samples a weight leave the start less exact.
std::vector<char> smallest(const Vector& r, int d, double& width) {
  const int n = static_cast<int>(r.size());
  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  const int want = std::min(n, std::max(40, n / 20 + d / 2));
  std::nth_element(order.begin(), order.begin() + (want - 1), order.end(),
                   [&](int i, int j) { return std::fabs(r[i]) < std::fabs(r[j]); });
  width = std::fabs(r[order[want - 1]]);
  std::vector<char> kept(n, 0);
  for (int k = 0; k < want; ++k) kept[order[k]] = 1;
  return kept;
}

constexpr int kRounds = 6;

}  // namespace

void fit_screened(const FiniteTask& task, const Vector& gram, FiniteFit& fit) {
  const FiniteSample& sample = task.sample;
  const int n = sample.n, d = sample.d;
  const double eps = task.eps;
  PlugInModel plug_in(sample, gram, task.xty, task.yy, eps);
  Point point = shrunk_ridge(task, &gram);
  Vector r;
  residuals(sample, point, r);
  InteriorOptions inner;
  inner.max_iter = task.options.max_iter;
  inner.tol = 1e-2;
  inner.products = 0.1 * n * objective(r, eps, weight_norm(task.attack, point.t.data(), d));
  InteriorResult result =
      interior_point(task.attack, eps, d, false, InequalityRows{}, &plug_in, point, inner);
  fit.iterations += result.iterations;
  point = result.point;
  residuals(sample, point, r);

  double width = 0;
  std::vector<char> kept = smallest(r, d, width);
  inner.tol = 0.5 * task.options.tol;
  const double norm = weight_norm(task.attack, point.t.data(), d);
  // Of each slack and multiplier at the start; the floor serves samples of which many rows are fitted
  // exactly.
  const double floor = 1e-6 * objective(r, eps, norm);
  double product = std::max(floor, 0.3 * width * (width + eps * norm));
  Vector alpha(n, std::numeric_limits<double>::quiet_NaN()), beta(n);
  for (fit.rounds = 1; fit.rounds <= kRounds; ++fit.rounds) {
    Vector kept_x, kept_y;
    inner.alpha.clear();
    for (int i = 0; i < n; ++i) {
      if (!kept[i]) continue;
      const double* row = sample.x + static_cast<size_t>(i) * d;
      kept_x.insert(kept_x.end(), row, row + d);
      kept_y.push_back(sample.y[i]);
      inner.alpha.push_back(alpha[i]);
    }
    const int count = static_cast<int>(kept_y.size());
    FixedSignModel outside(sample, gram, task.xty, kept, kept_x, r, eps);
    inner.products = product * 2 * count;
    inner.proceed = [&](const Point& near) {
      Vector at;
      residuals(sample, near, at);
      for (int i = 0; i < n; ++i) {
        if (!kept[i] && (at[i] < 0) != (r[i] < 0)) return false;
      }
      return true;
    };
    result = interior_point(task.attack, eps, d, sample.intercept,
                            InequalityRows{kept_x.data(), kept_y.data(), count}, &outside, point, inner);
    fit.iterations += result.iterations;
    point = result.point;
    Vector before = r;
    residuals(sample, point, r);
    int flipped = 0, k = 0;
    double wrong = 0;
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
          wrong = std::max(wrong, std::fabs(r[i]));
        }
      }
    }
    offer(task, result, alpha, beta, fit);
    if (fit.gap <= task.options.tol || flipped == 0) return;
    // The next round starts where this one ended; only the rows that flipped are off.
    product = std::max(result.product, 0.03 * wrong * (wrong + eps * result.norm));
  }
}

}  // namespace advspur::theory
