#include "theory/fallback.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "theory/polish.h"

namespace advspur::theory {
namespace {

// What the gap of an exact optimum would read, from rounding errors in pull alone.
double rounding_gap(Attack attack, const Gaussian& p, const double* error, const Verdict& verdict) {
  double sum = 0, largest = 0, squares = 0;
  for (int64_t j = 0; j < p.d; ++j) {
    double size = 0;
    for (int64_t k = 0; k < p.d; ++k) size += std::abs(p.cov[j * p.d + k] * error[k]);
    sum += size, squares += size * size, largest = std::max(largest, size);
  }
  const double length =
      attack == Attack::kLinf ? largest : (attack == Attack::kL1 ? sum : std::sqrt(squares));
  return 2.3e-16 * length * verdict.gap_per_defect;
}

}  // namespace

void fall_back(Attack attack, const Gaussian& p, double eps, double* theta, double* error, double* pull,
               Verdict& verdict) {
  const auto good = [&] {
    return verdict.gap <= std::max(1e-10 * verdict.risk, 4 * rounding_gap(attack, p, error, verdict));
  };
  if (p.d > kExtended && good()) return;
  Candidate next;
  const auto improve = [&](const double* guess) {
    if (!polish(attack, p, eps, guess, next)) return;
    const Verdict better = certify(attack, p, eps, next.theta.data(), next.error.data(), next.pull.data());
    if (!(better.gap < verdict.gap)) return;
    verdict = better;
    std::copy(next.theta.begin(), next.theta.end(), theta);
    std::copy(next.error.begin(), next.error.end(), error);
    std::copy(next.pull.begin(), next.pull.end(), pull);
  };
  improve(theta);
}

}  // namespace advspur::theory
