#include "theory/fallback.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "theory/dense.h"
#include "theory/piecewise_path.h"
#include "theory/polish.h"
#include "theory/reach.h"

namespace advspur::theory {

void fall_back(Attack attack, const Gaussian& p, double eps, double* theta, double* error, double* pull,
               double mu, std::vector<double>& reach, Verdict& verdict) {
  const auto good = [&] { return verdict.gap <= 1e-10 * verdict.risk; };
  Candidate next;
  const auto judge = [&] {
    Verdict better = certify_careful(attack, p, eps, next, nullptr);
    if (!(better.gap <= 1e-10 * better.risk)) {
      if (reach.empty()) reaches(p, reach);
      better = certify_careful(attack, p, eps, next, reach.data());
    }
    if (!(better.gap < verdict.gap || better.gap <= 1e-12 * better.risk)) return;
    verdict = better;
    std::copy(next.theta.begin(), next.theta.end(), theta);
    std::copy(next.error.begin(), next.error.end(), error);
    std::copy(next.pull.begin(), next.pull.end(), pull);
  };
  // the pulls alone, in 32 digits
  const auto weigh_again = [&](const double* weights, const double* lean) {
    std::vector<Twofold> exact(lean, lean + p.d);
    for (int64_t j = 0; j < p.d; ++j) {
      if (weights[j] - p.theta[j] == lean[j]) exact[j] = Twofold(weights[j]) - p.theta[j];
    }
    weigh(p, exact, std::vector<double>(weights, weights + p.d), next);
  };
  const auto improve = [&](const double* guess) {
    if (!polish(attack, p, eps, guess, mu, next)) return;
    if (p.d > kTwofold) {
      const std::vector<double> weights(next.theta), lean(next.error);
      weigh_again(weights.data(), lean.data());
    }
    judge();
  };
  if (p.d > kTwofold) {
    weigh_again(theta, error);
    judge();
    if (good()) return;
  }
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
