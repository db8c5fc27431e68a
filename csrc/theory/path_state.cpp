// A problem taken up: its critical radius, and the path that suits the attack.
#include "theory/path_state.h"

#include <algorithm>
#include <cmath>

#include "theory/polish.h"

namespace advspur::theory {

namespace {
// Scales of features this far apart lose digits to each other; in larger problems only where there is no
// other way.
constexpr double kApart = 1e-3, kFarApart = 1e-6;
}  // namespace

void Path::State::reset() {
  reduced.reset(d, cov, theta, noise_std, core);
  const Gaussian& p = problem();
  spurious.resize(static_cast<size_t>(d));
  for (int64_t j = 0; j < d; ++j) spurious[j] = core != nullptr && !core[j];
  ridge_ready = false;
  singular = rest_singular = -1;
  plateau.clear();
  double length = 0, sum2 = 0, sum1 = 0, top = 0;
  for (int64_t j = 0; j < p.d; ++j) {
    const double s = p.deviation[j];
    sum1 += s, sum2 += s * s, top = std::max(top, s);
  }
  reduced.set_deviation_length(attack == Attack::kL1 ? sum1
                                                     : (attack == Attack::kLinf ? top : std::sqrt(sum2)));
  for (int64_t j = 0; j < p.d; ++j) {
    const double a = std::abs(p.b[j]);
    length = attack == Attack::kL1 ? length + a : std::max(length, a);
  }
  if (attack == Attack::kL2 && length > 0) {
    double sum = 0;
    for (int64_t j = 0; j < p.d; ++j) sum += (p.b[j] / length) * (p.b[j] / length);
    length *= std::sqrt(sum);
  }
  critical = length > 0 ? length / (kC * std::sqrt(p.explained + p.noise_variance)) : 0.0;
  apart = false;
  if (critical > 0 && p.d <= kExtended) {
    const auto [least, most] = std::minmax_element(p.deviation, p.deviation + p.d);
    apart = *least < (p.d <= kTwofold ? kApart : kFarApart) * *most;
  }
  reach.clear();
  disagreement.reset();
  end = {};
  precise_ready = false;
  row_length = 0;
  pieces = attack == Attack::kLinf ? static_cast<PiecewisePath*>(&lasso)
                                   : (attack == Attack::kL1 ? &spread : nullptr);
  precise.set_attack(attack == Attack::kL1);
  if (pieces != nullptr && apart) pieces = &precise, precise_ready = true;
  if (pieces != nullptr && critical > 0) pieces->reset(p);
}

RidgePath& Path::State::ridge_path() {
  if (!ridge_ready) {
    ridge.reset(problem(), critical);
    if (apart) ridge.refine_end();
  }
  ridge_ready = true;
  return ridge;
}

void Path::State::extend(double eps) {
  pieces->extend(eps);
  if (pieces->finished() && pieces->careful() && noise_std == 0 && plateau.empty()) make_plateau();
}

}  // namespace advspur::theory
