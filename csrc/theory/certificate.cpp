#include "theory/certificate.h"

#include <algorithm>
#include <cmath>

#include "theory/dense.h"
#include "theory/scalar_solve.h"
#include "theory/scan.h"

namespace advspur::theory {
namespace {

// sum |v| for v = pull + weight g, g nonnegative multiples of sign(theta) on the argmax set that sum to 1.
double defect_spread(int64_t d, const double* theta, double n, const double* pull, double weight) {
  double total = 0;
  for (int64_t j = 0; j < d; ++j) {
    if (std::abs(theta[j]) == n) total += std::max(0.0, theta[j] > 0 ? -pull[j] : pull[j]);
  }
  double sum = total > 0 ? 0.0 : weight;
  for (int64_t j = 0; j < d; ++j) {
    double v = pull[j];
    if (std::abs(theta[j]) == n && total > 0) {
      const double share = weight * std::max(0.0, theta[j] > 0 ? -v : v) / total;
      v += theta[j] > 0 ? share : -share;
    }
    sum += std::abs(v);
  }
  return sum;
}

double defect_ridge(int64_t d, const double* theta, double n, const double* pull, double weight) {
  double sum = 0;
  for (int64_t j = 0; j < d; ++j) {
    const double v = pull[j] + weight * theta[j] / n;
    sum += v * v;
  }
  return std::sqrt(sum);
}

double defect(Attack attack, int64_t d, const double* theta, double n, const double* pull, double weight) {
  switch (attack) {
    case Attack::kL2:
      return n > 0 ? defect_ridge(d, theta, n, pull, weight)
                   : std::max(0.0, std::sqrt(dense::dot(d, pull, pull)) - weight);
    case Attack::kLinf:
      return scan::lasso_defect(d, theta, pull, weight);
    case Attack::kL1:
      return n > 0 ? defect_spread(d, theta, n, pull, weight)
                   : std::max(0.0, scan::sizes(d, pull).sum - weight);
  }
  return 0;
}

double risk(double eps, double s, double n) {
  const double near = s + kC * eps * n, far = eps * n;
  return near * near + (1 - kC * kC) * far * far;
}

}  // namespace

double dual_norm(Attack attack, int64_t d, const double* theta) {
  const scan::Sizes size = scan::sizes(d, theta);
  if (attack == Attack::kL1) return size.largest;
  if (attack == Attack::kLinf) return size.sum;
  const double top = size.largest;
  if (top > 1e-140 && top < 1e140) return std::sqrt(dense::dot(d, theta, theta));
  double sum = 0;
  for (int64_t j = 0; j < d && top > 0; ++j) sum += (theta[j] / top) * (theta[j] / top);
  return top * std::sqrt(sum);
}

Verdict certify(Attack attack, const Gaussian& problem, double eps, const double* theta, const double* error,
                const double* pull, Disagreement& disagreement, double rows) {
  Verdict out{};
  out.norm = dual_norm(attack, problem.d, theta);
  const double explained = std::max(0.0, dense::dot(problem.d, error, pull));
  out.spread2 = problem.noise_variance + explained;
  const double s = std::sqrt(out.spread2), n = out.norm, sigma = std::sqrt(problem.noise_variance);
  out.risk = risk(eps, s, n);
  out.multiplier = multiplier(eps, s, n);
  if (s > 0) {
    // v / (1 + c eps N / s) = pull + lambda g
    const double lean = 1 + kC * eps * n / s;
    const double length = defect(attack, problem.d, theta, n, pull, out.multiplier);
    // a better N' has sigma^2 + 2 c sigma eps N' + (eps N')^2 <= risk: sharper than eps N' <= sqrt(risk)
    const double excess = explained + eps * n * (2 * kC * s + eps * n);
    const double better = excess / (std::sqrt(kC * kC * sigma * sigma + excess) + kC * sigma);
    out.gap_per_defect = 2 * lean * (n + better / eps);
    // rounding errors: of each pull, and of the sum of the pulls in s^2
    const scan::Doubt doubt = scan::doubt(problem.d, problem.deviation, theta, problem.theta, error);
    const double size = doubt.size, off = sum_unit(problem.d) * size;
    out.defect_gap = out.gap_per_defect * length;
    double hidden = off * problem.deviation_length;
    if (rows > 0) {
      const double e2 = dense::dot(problem.d, error, error);
      hidden = std::min(hidden, sum_unit(problem.d) * rows * std::sqrt(e2));
    }
    out.gap = out.defect_gap + out.gap_per_defect * hidden + lean * off * size;
    const double per_norm = 6 * eps * (kC * s + eps * n), per_spread = 2 * (s + kC * eps * n);
    const double quick = per_norm * (attack == Attack::kL1 ? doubt.largest : doubt.sum);
    const double little = (problem.d <= kTwofold ? 1e-12 : 1e-11) * out.risk;
    out.gap += quick <= little ? quick
                               : disagreement.cost(attack, problem, theta, error, per_norm, per_spread,
                                                   out.gap_per_defect, little);
    if (off * size > 0.1 * out.spread2) out.gap = std::max(out.gap, out.risk);  // s is not known at all
  } else {
    out.gap = out.defect_gap = out.risk;  // s = 0 off the plateau's own answer: nothing better is known
  }
  return out;
}

}  // namespace advspur::theory
