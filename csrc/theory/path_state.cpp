// A problem taken up: its critical radius, and the path that suits the attack.
#include "theory/path_state.h"

#include <algorithm>
#include <cmath>

#include "theory/polish.h"

namespace advspur::theory {

void Path::State::reset() {
  reduced.reset(d, cov, theta, noise_std, core);
  const Gaussian& p = problem();
  spurious.resize(static_cast<size_t>(d));
  for (int64_t j = 0; j < d; ++j) spurious[j] = core != nullptr && !core[j];
  ridge_ready = false;
  singular = rest_singular = -1;
  plateau.clear();
  double length = 0;
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
  pieces = attack == Attack::kLinf ? static_cast<PiecewisePath*>(&lasso)
                                   : (attack == Attack::kL1 ? &spread : nullptr);
  if (pieces != nullptr && critical > 0) pieces->reset(p);
  apart = false;
  if (attack == Attack::kL1 && critical > 0 && p.d <= kTwofold) {
    const auto [least, most] = std::minmax_element(p.deviation, p.deviation + p.d);
    apart = *least < 1e-3 * *most;
  }
}

RidgePath& Path::State::ridge_path() {
  if (!ridge_ready) ridge.reset(problem(), critical);
  ridge_ready = true;
  return ridge;
}

void Path::State::extend(double eps) {
  pieces->extend(eps);
  if (pieces->finished() && pieces->careful() && noise_std == 0 && plateau.empty()) make_plateau();
}

}  // namespace advspur::theory
