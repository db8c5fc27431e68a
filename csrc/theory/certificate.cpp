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
                const double* pull, const double* known) {
  Verdict out{};
  out.norm = dual_norm(attack, problem.d, theta);
  const double explained = known ? *known : std::max(0.0, dense::dot(problem.d, error, pull));
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
    out.gap = out.gap_per_defect * length;
  } else {
    out.gap = out.risk;  // s = 0 off the plateau's own answer: nothing better is known
  }
  return out;
}

Verdict certify_plateau(Attack attack, int64_t d, double eps, const double* theta, const double* gradient) {
  Verdict out{};
  out.norm = dual_norm(attack, d, theta);
  out.spread2 = out.multiplier = 0;
  out.risk = risk(eps, 0, out.norm);
  // -gradient pulls against the norm's subgradient: v = eps^2 N (g - gradient)
  double length = 0;
  if (attack == Attack::kLinf) {
    for (int64_t j = 0; j < d; ++j) {
      const double g = gradient[j], t = theta[j];
      length = std::max(length, t > 0 ? std::abs(g - 1) : (t < 0 ? std::abs(g + 1) : std::abs(g) - 1));
    }
  } else if (attack == Attack::kL1) {
    double total = 0, off = 0;
    for (int64_t j = 0; j < d; ++j) {
      const double along = std::abs(theta[j]) == out.norm ? (theta[j] > 0 ? gradient[j] : -gradient[j]) : 0.0;
      total += std::max(0.0, along);
      off += along > 0 ? 0.0 : std::abs(gradient[j]);
    }
    length = std::abs(total - 1) + off;
  } else {
    for (int64_t j = 0; j < d; ++j) {
      const double v = gradient[j] - theta[j] / out.norm;
      length += v * v;
    }
    length = std::sqrt(length);
  }
  out.gap = 2 * eps * eps * out.norm * length * (out.norm + std::sqrt(out.risk) / eps);
  return out;
}

}  // namespace advspur::theory
