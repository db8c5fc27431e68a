// The objective and a lower bound that any dual point gives.
//
// phi^2 >= 2 phi beta - beta^2 with phi = |r| + eps N gives, for |alpha| <= beta and ||X'alpha||_p <= eps
// sum(beta),
//   (1/n) sum phi^2 >= (1/n) (2 sum beta |r| + 2 eps N sum beta - ||beta||^2) >= (1/n) (-2 alpha'y -
//   ||beta||^2),
// and the best multiple of (alpha, beta) makes it (1/n) (alpha'y)^2 / ||beta||^2. Source: derivation as in
// Ribeiro et al. 2023.
#include <algorithm>
#include <cmath>

#include "theory/blas.h"
#include "theory/finite_problem.h"

namespace advspur::theory {

namespace {

double norm_of(int which, const double* v, int d) {
  double sum = 0;
  for (int j = 0; j < d; ++j) {
    const double size = std::fabs(v[j]);
    sum = which == 0 ? std::max(sum, size) : which == 1 ? sum + size : sum + size * size;
  }
  return which == 2 ? std::sqrt(sum) : sum;
}

}  // namespace

double weight_norm(Attack attack, const double* t, int d) {
  return norm_of(attack == Attack::kLinf ? 1 : attack == Attack::kL2 ? 2 : 0, t, d);
}

double attack_norm(Attack attack, const double* c, int d) {
  return norm_of(attack == Attack::kLinf ? 0 : attack == Attack::kL2 ? 2 : 1, c, d);
}

void residuals(const FiniteSample& sample, const Point& point, Vector& r) {
  r.resize(sample.n);
  for (int i = 0; i < sample.n; ++i) r[i] = point.b - sample.y[i];
  blas::gemv('T', sample.d, sample.n, 1, sample.x, sample.d, point.t.data(), 1, r.data());
}

double objective(const Vector& r, double eps, double norm) {
  double sum = 0;
  for (const double v : r) {
    const double phi = std::fabs(v) + eps * norm;
    sum += phi * phi;
  }
  return sum / static_cast<double>(r.size());
}

double dual_bound(const FiniteSample& sample, Attack attack, double eps, Vector alpha, const Vector& given) {
  const int n = sample.n;
  if (sample.intercept) {
    double mean = 0;
    for (const double v : alpha) mean += v;
    mean /= n;
    for (double& v : alpha) v -= mean;
  }
  Vector correlation(sample.d);
  blas::gemv('N', sample.d, n, 1, sample.x, sample.d, alpha.data(), 0, correlation.data());
  double along = 0, total = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const double beta = std::max(std::fabs(alpha[i]), given[i]);
    along += alpha[i] * sample.y[i];
    total += beta;
    squares += beta * beta;
  }
  if (!(along < 0) || !(squares > 0)) return 0;
  const double size = attack_norm(attack, correlation.data(), sample.d);
  if (size > eps * total) along *= eps * total / size;
  return along * along / (squares * n);
}

}  // namespace advspur::theory
