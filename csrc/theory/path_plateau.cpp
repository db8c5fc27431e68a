// Up to where a noise-free problem keeps its interpolator, and other radii at which a path changes.
#include <algorithm>
#include <cmath>

#include "theory/dense.h"
#include "theory/path_state.h"
#include "theory/polish.h"

namespace advspur::theory {
namespace {
constexpr double kSettled = 1e-13;  // relative gap beyond which the plateau is computed again
}  // namespace

// The interpolator of least dual norm and the direction in which it is left.
void Path::State::make_plateau() {
  const Gaussian& p = problem();
  const auto n = static_cast<size_t>(p.d);
  end = {};
  if (attack == Attack::kL2) {
    ridge_path().end(end);
  } else if (pieces == &precise) {
    precise.end(end);
  } else {
    const Piece& last = pieces->pieces().back();
    std::vector<double> theta(n), v(n), error(n);
    pieces->weights(last, 0.0, theta.data());
    pieces->direction(last, v.data());
    const double least = dual_norm(attack, p.d, theta.data());
    if (dual_norm(attack, p.d, p.theta) <= least * (1 + 1e-12)) {
      std::copy_n(p.theta, n, theta.data());  // the true weights themselves, without rounding errors
    } else {
      for (double& w : theta) w = std::abs(w) <= 1e-14 * least ? 0.0 : w;
    }
    for (size_t j = 0; j < n; ++j) error[j] = theta[j] - p.theta[j];
    weigh(p, std::vector<Twofold>(error.begin(), error.end()), theta, end);
    lean_plain(p, v, end);
    if (last.eps_low > 0 && p.d <= kTwofold) settle_plateau(last);
  }
  plateau = end.theta, direction = end.direction, gradient = end.gradient;
}

// The end of the plateau again, in extended precision, where the direction misses by more than rounding.
void Path::State::settle_plateau(const Piece& last) {
  const Gaussian& p = problem();
  const auto misses = [&](Candidate at) {
    at.line_unit = 0;
    const Verdict verdict = certify_plateau(attack, p, last.eps_low, at);
    return verdict.gap / verdict.risk;
  };
  std::vector<double> guess(static_cast<size_t>(p.d));
  pieces->weights(last, 0.5 * last.lambda_high, guess.data());
  Candidate face;
  const double missed = misses(end);
  if (!(missed > kSettled) || !polish(attack, p, last.eps_low, guess.data(), 0.0, face)) return;
  Candidate better = end;
  better.direction = face.direction, better.gradient = face.gradient;
  better.tau = face.tau, better.reached = face.reached;
  if (!(misses(better) < missed)) return;
  end = better;
  pieces->refine_end(face.tau);
}

double Path::critical() const {
  return state_->critical;
}

double Path::plateau() {
  State& s = *state_;
  if (s.noise_std > 0 || s.critical == 0) return 0;
  if (s.attack == Attack::kL2) return s.ridge_path().plateau();
  s.extend(0);
  return s.pieces->finished() ? s.pieces->pieces().back().eps_low : 0.0;
}

double Path::onset() {
  State& s = *state_;
  const Gaussian& p = s.problem();
  if (s.critical == 0) return HUGE_VAL;
  const double end = plateau();
  const auto spurious_in = [&](const double* w) {
    for (int64_t j = 0; j < p.d; ++j) {
      if (p.spurious[j] && w[j] != 0) return true;
    }
    return false;
  };
  if (end > 0) {
    if (s.plateau.empty()) s.make_plateau();
    if (spurious_in(s.plateau.data())) return 0;
  }
  if (s.attack == Attack::kL2) {
    std::vector<double> w(static_cast<size_t>(p.d)), error(w);
    const double middle = std::sqrt(std::max(end, 0.01 * s.critical) * s.critical);
    s.ridge_path().weights(1, &middle, w.data(), error.data());
    return spurious_in(w.data()) ? end : HUGE_VAL;
  }
  s.extend(0);
  const auto& pieces = s.pieces->pieces();
  for (size_t i = pieces.size(); i-- > 0;) {
    if (!(pieces[i].eps_high > pieces[i].eps_low)) continue;
    for (int64_t j = 0; j < p.d; ++j) {
      if (p.spurious[j] && s.pieces->uses(pieces[i], j)) return pieces[i].eps_low;
    }
  }
  return HUGE_VAL;
}

std::vector<double> Path::knots() {
  State& s = *state_;
  std::vector<double> out;
  if (s.pieces == nullptr || s.critical == 0) return out;
  s.extend(0);
  for (const Piece& piece : s.pieces->pieces()) {
    if (out.empty() || piece.eps_high < out.back() * (1 - 1e-12)) out.push_back(piece.eps_high);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace advspur::theory
