// Certificates for answers that plain rounding bounds cast doubt on. A competitor's weights differ from ours
// by at most what its norm allows and, feature by feature, by what its natural risk allows: the second bound
// does not depend on the features' units, so that rounding errors of large features are not multiplied with
// the weights of small ones.
#include <algorithm>
#include <cmath>
#include <vector>

#include "theory/certificate.h"
#include "theory/dense.h"
#include "theory/scalar_solve.h"
#include "theory/scan.h"

namespace advspur::theory {
namespace {

constexpr double kUnit = 1.2e-16;  // of doubles

// v = pull + weight g, g the best subgradient of the dual norm at theta; shortfall: N - g' theta.
std::vector<double> defects(Attack attack, int64_t d, const double* theta, double n, const double* pull,
                            double weight, double* shortfall) {
  std::vector<double> v(pull, pull + d);
  *shortfall = 0;
  if (attack == Attack::kL1) {
    double total = 0;
    for (int64_t j = 0; j < d; ++j) {
      if (std::abs(theta[j]) == n) total += std::max(0.0, theta[j] > 0 ? -pull[j] : pull[j]);
    }
    if (!(total > 0)) *shortfall = n;  // g = 0
    for (int64_t j = 0; j < d && total > 0; ++j) {
      if (std::abs(theta[j]) != n) continue;
      const double share = std::max(0.0, theta[j] > 0 ? -pull[j] : pull[j]);
      if (share > 0) v[j] = (theta[j] > 0 ? share : -share) * ((weight - total) / total);
    }
    return v;
  }
  for (int64_t j = 0; j < d; ++j) {
    if (attack == Attack::kL2) {
      v[j] += weight * (theta[j] / n);
    } else if (theta[j] != 0) {
      v[j] += theta[j] > 0 ? weight : -weight;
    } else {
      v[j] = v[j] > weight ? v[j] - weight : (v[j] < -weight ? v[j] + weight : 0.0);
    }
  }
  return v;
}

}  // namespace

Verdict certify_careful(Attack attack, const Gaussian& p, double eps, const Candidate& at,
                        const double* reach) {
  const int64_t d = p.d;
  Verdict out{};
  out.norm = dual_norm(attack, d, at.theta.data());
  out.spread2 = p.noise_variance + at.explained;
  const double s = std::sqrt(out.spread2), n = out.norm, sigma = std::sqrt(p.noise_variance);
  const double far = eps * n;
  out.risk = out.spread2 + far * (2 * kC * s + far);
  out.multiplier = multiplier(eps, s, n);
  out.gap = out.risk;
  const double size = scan::weighted_size(d, p.deviation, at.error.data()), off = at.unit * size;
  if (!(s > 0) || !(n > 0) || off * size > 0.1 * out.spread2) return out;
  double shortfall = 0;
  std::vector<double> v = defects(attack, d, at.theta.data(), n, at.pull.data(), out.multiplier, &shortfall);
  // what the competitor's risk allows of its norm and of its explained part
  const double lean = 1 + kC * far / s, excess = at.explained + far * (2 * kC * s + far);
  const double better = excess / (std::sqrt(kC * kC * sigma * sigma + excess) + kC * sigma) / eps;
  const double apart = std::sqrt(excess);
  double careful = 0;
  for (int64_t j = 0; j < d; ++j) {
    v[j] = std::abs(v[j]) + off * p.deviation[j];
    double most = std::abs(at.theta[j]) + better;
    if (reach != nullptr) most = std::min(most, std::abs(at.error[j]) + apart * reach[j]);
    careful += v[j] * most;
  }
  out.gap_per_defect = 2 * lean * (n + better);
  const double plain = out.gap_per_defect * pull_length(attack, d, v.data());
  const double rounding =
      kUnit * (out.multiplier * out.gap_per_defect + static_cast<double>(d + 8) * out.risk);
  const double per_norm = 2 * eps * (kC * s + far);
  out.defect_gap = std::min(plain, 2 * lean * careful);
  out.gap = std::min(plain, 2 * lean * careful) + lean * off * size +
            per_norm * (shortfall + 3 * at.mismatch) + rounding;
  return out;
}

Verdict certify_plateau(Attack attack, const Gaussian& p, double eps, const Candidate& at) {
  const int64_t d = p.d;
  Verdict out{};
  out.norm = dual_norm(attack, d, at.theta.data());
  // what cov v, its square and its product with theta* may be off by
  const double size = scan::weighted_size(d, p.deviation, at.direction.data()), off = at.line_unit * size;
  const double all = scan::weighted_size(d, p.deviation, p.theta);
  const double wrong = scan::weighted_size(d, p.deviation, at.error.data());
  const double far = eps * out.norm, s = std::sqrt(at.explained + at.unit * wrong * wrong);
  const double unit = kUnit * static_cast<double>(d + 8);
  out.risk = far * far;
  // any g = cov v has |g|_p N(t) >= g't >= theta*'g - sqrt(tau) |cov^1/2 (t - theta*)|
  const double slope = pull_length(attack, d, at.gradient.data()) + off * p.deviation_length;
  const double h = eps * std::sqrt(at.tau + off * size) / slope;
  const double least = eps * std::max(0.0, at.reached - off * all) / slope, beyond = std::max(0.0, h - kC);
  const double lower = least * least * std::max(0.0, 1 - beyond * beyond / (1 - 2 * kC * h + h * h));
  const double upper = out.risk + s * (s + 2 * kC * far);
  out.gap = std::max(0.0, upper - lower) + unit * out.risk;
  if (!(out.gap <= HUGE_VAL)) out.gap = HUGE_VAL;
  return out;
}

}  // namespace advspur::theory
