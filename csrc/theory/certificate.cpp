#include "theory/certificate.h"

#include <algorithm>
#include <cmath>

#include "core/macros.h"
#include "theory/dense.h"
#include "theory/scalar_solve.h"

namespace advspur::theory {
namespace {

ADVSPUR_CLONES double largest(int64_t d, const double* x) {
  double m = 0;
  for (int64_t j = 0; j < d; ++j) {
    const double a = __builtin_fabs(x[j]);
    m = a > m ? a : m;
  }
  return m;
}

double sum_magnitudes(int64_t d, const double* x) {
  double sum = 0;
  for (int64_t j = 0; j < d; ++j) sum += std::abs(x[j]);
  return sum;
}

// max |v| for v = pull + weight g, g the best element of the subdifferential of ||.||_1 at theta.
ADVSPUR_CLONES double defect_lasso(int64_t d, const double* theta, const double* pull, double weight) {
  double worst = 0;
  for (int64_t j = 0; j < d; ++j) {
    const double t = theta[j], p = pull[j];
    const double at_zero = __builtin_fabs(p) - weight;
    const double v = t > 0 ? __builtin_fabs(p + weight) : (t < 0 ? __builtin_fabs(p - weight) : at_zero);
    worst = v > worst ? v : worst;
  }
  return worst;
}

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
      return defect_lasso(d, theta, pull, weight);
    case Attack::kL1:
      return n > 0 ? defect_spread(d, theta, n, pull, weight)
                   : std::max(0.0, sum_magnitudes(d, pull) - weight);
  }
  return 0;
}

double risk(double eps, double s, double n) {
  const double near = s + kC * eps * n, far = eps * n;
  return near * near + (1 - kC * kC) * far * far;
}

}  // namespace

double dual_norm(Attack attack, int64_t d, const double* theta) {
  const double top = largest(d, theta);
  if (attack == Attack::kL1 || top == 0) return top;
  if (attack == Attack::kLinf) return sum_magnitudes(d, theta);
  double sum = 0;
  for (int64_t j = 0; j < d; ++j) sum += (theta[j] / top) * (theta[j] / top);
  return top * std::sqrt(sum);
}

Verdict certify(Attack attack, const Gaussian& problem, double eps, const double* theta, const double* error,
                const double* pull) {
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
