#include "theory/fallback.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "theory/dense.h"
#include "theory/piecewise_path.h"
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
               double mu, Verdict& verdict) {
  const auto good = [&] {
    return verdict.gap <= std::max(1e-10 * verdict.risk, 4 * rounding_gap(attack, p, error, verdict));
  };
  if (p.d > kExtended && good()) return;
  Candidate next;
  const auto improve = [&](const double* guess) {
    if (!polish(attack, p, eps, guess, mu, next)) return;
    const Verdict better =
        certify(attack, p, eps, next.theta.data(), next.error.data(), next.pull.data(), &next.explained);
    if (!(better.gap < verdict.gap || better.gap <= 1e-12 * better.risk)) return;
    verdict = better;
    std::copy(next.theta.begin(), next.theta.end(), theta);
    std::copy(next.error.begin(), next.error.end(), error);
    std::copy(next.pull.begin(), next.pull.end(), pull);
  };
  improve(theta);
  // The path of a problem moved by 1e-9 has no ties; its face, polished on the problem itself, is tried next.
  std::vector<double> start(theta, theta + p.d), moved(start), b(start), other(start);
  for (uint64_t attempt = 1; attempt <= 4 && attack != Attack::kL2 && !good(); ++attempt) {
    uint64_t state = attempt;
    for (int64_t j = 0; j < p.d; ++j) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      moved[j] = p.theta[j] * (1 + 1e-9 * (static_cast<double>(state >> 33) / 4294967296.0 + 0.5));
      b[j] = 0;
    }
    dense::add_rows(p.d, p.d, moved.data(), p.cov, p.d, b.data());
    for (int64_t j = 0; j < p.d; ++j) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      b[j] += 1e-9 * p.deviation[j] * std::sqrt(p.explained) *
              (static_cast<double>(state >> 33) / 4294967296.0 - 0.25);
    }
    Gaussian near = p;
    near.theta = moved.data();
    near.b = b.data();
    LassoPath lasso;
    SpreadPath spread;
    PiecewisePath& path = attack == Attack::kLinf ? static_cast<PiecewisePath&>(lasso) : spread;
    path.reset(near);
    path.extend(eps);
    if (const Piece* piece = path.find(eps)) {
      path.emit(*piece, eps, start.data(), other.data());
      improve(start.data());
    }
  }
}

}  // namespace advspur::theory
