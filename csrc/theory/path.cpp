// The front of the paths: which radii are trivial, which piece or ridge answers the others, and what is
// reported.
#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <numeric>

#include "advspur/theory.h"
#include "theory/blas.h"
#include "theory/certificate.h"
#include "theory/cholesky_ridge.h"
#include "theory/dense.h"
#include "theory/fallback.h"
#include "theory/piecewise_path.h"
#include "theory/polish.h"
#include "theory/reduce.h"
#include "theory/ridge_path.h"
#include "theory/scan.h"
#include "theory/uniqueness.h"

namespace advspur::theory {
namespace {
constexpr int64_t kBlock = 64;        // radii whose certificates share one matrix product
constexpr double kSettled = 1e-13;    // relative gap beyond which the plateau is computed again
constexpr double kSharp = 1e-11;      // likewise where polishing is cheap
constexpr double kTolerated = 1e-10;  // relative gap beyond which the fallback is asked
}  // namespace

struct Path::State {
  Attack attack = Attack::kL2;
  int64_t d = 0;
  const double* cov = nullptr;
  const double* theta = nullptr;
  const uint8_t* core = nullptr;
  double noise_std = 0, critical = 0, ridge_plateau = 0;
  Reduced reduced;
  LassoPath lasso;
  SpreadPath spread;
  RidgePath ridge;
  PiecewisePath* pieces = nullptr;
  bool ridge_ready = false;
  bool apart = false;  // features of scales so far apart that rounded weights do not tell their risk
  int singular = -1, rest_singular = -1;  // not known yet
  std::vector<int64_t> order, used;
  std::vector<double> weights, error, pull, plateau, gradient, direction, gathered, packed, seen;
  std::vector<double> spurious;  // 1 where the feature is spurious

  const Gaussian& problem() const { return reduced.problem(); }
  void reset();
  RidgePath& ridge_path();
  void answer_block(int64_t count, const int64_t* index, const double* eps, const Answers& out);
  void solve_ridge(int64_t count, const int64_t* index, const double* eps);
  void pulls(int64_t count);
  void make_plateau();
  void extend(double eps);  // the pieces, down to eps
  void report(int64_t i, double eps, const double* weights_reduced, const Verdict& verdict, bool unique,
              const Answers& out) const;
  void report_full(int64_t i, const double* full, const Answers& out) const;
  bool unique_at(const double* weights_row, const double* pull_row, const Verdict& verdict);
};

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

// pull = error cov for `count` rows; only the features in which some row errs take part.
void Path::State::pulls(int64_t count) {
  const Gaussian& p = problem();
  const int64_t n = p.d;
  std::fill_n(pull.data(), count * n, 0.0);
  if (count <= 4) {
    for (int64_t i = 0; i < count; ++i)
      dense::add_rows(n, n, error.data() + i * n, p.cov, n, pull.data() + i * n);
    return;
  }
  if (attack == Attack::kL2 && has_blas() && n > 64) {
    const int features = static_cast<int>(n);
    blas::gemm('N', 'N', features, static_cast<int>(count), features, 1.0, p.cov, features, error.data(),
               features, 0.0, pull.data(), features);
    return;
  }
  if (n <= 64) {
    dense::add_product(count, n, n, 1.0, error.data(), 1, n, p.cov, n, pull.data(), n);
    return;
  }
  seen.assign(static_cast<size_t>(n), 0.0);
  for (int64_t i = 0; i < count; ++i) scan::add_magnitudes(n, error.data() + i * n, seen.data());
  used.clear();
  for (int64_t j = 0; j < n; ++j) {
    if (seen[j] != 0) used.push_back(j);
  }
  const auto k = static_cast<int64_t>(used.size());
  if (k > 3 * n / 4) {
    dense::add_product(count, n, n, 1.0, error.data(), 1, n, p.cov, n, pull.data(), n);
    return;
  }
  gathered.resize(static_cast<size_t>(k * n));
  packed.resize(static_cast<size_t>(k * count));
  for (int64_t a = 0; a < k; ++a) {
    std::copy_n(p.cov + used[a] * n, n, gathered.data() + a * n);
    for (int64_t i = 0; i < count; ++i) packed[a * count + i] = error[i * n + used[a]];
  }
  dense::add_product(count, n, k, 1.0, packed.data(), count, 1, gathered.data(), n, pull.data(), n);
}

void Path::State::extend(double eps) {
  pieces->extend(eps);
  if (pieces->finished() && pieces->careful() && noise_std == 0 && plateau.empty()) make_plateau();
}

// The interpolator of least dual norm and the direction in which it is left.
void Path::State::make_plateau() {
  const Gaussian& p = problem();
  const auto n = static_cast<size_t>(p.d);
  plateau.resize(n);
  gradient.assign(n, 0.0);
  if (attack == Attack::kL2) {
    ridge_path().interpolator(plateau.data(), gradient.data());
    return;
  }
  const Piece& last = pieces->pieces().back();
  pieces->weights(last, 0.0, plateau.data());
  direction.assign(n, 0.0);
  pieces->direction(last, direction.data());
  dense::add_rows(p.d, p.d, direction.data(), p.cov, p.d, gradient.data());
  const double end = last.eps_low;
  if (end > 0 && p.d <= kTwofold) {
    const Verdict at = certify_plateau(attack, p.d, end, plateau.data(), gradient.data());
    Candidate face;
    std::vector<double> guess(n);
    pieces->weights(last, 0.5 * last.lambda_high, guess.data());
    if (at.gap > kSettled * at.risk && polish(attack, p, end, guess.data(), 0.0, face)) {
      const Verdict better = certify_plateau(attack, p.d, end, plateau.data(), face.gradient.data());
      if (better.gap < at.gap) {
        direction = face.direction, gradient = face.gradient;
        pieces->refine_end(face.tau);
      }
    }
  }
  const double least = dual_norm(attack, p.d, plateau.data());
  if (dual_norm(attack, p.d, p.theta) <= least * (1 + 1e-12)) {
    std::copy_n(p.theta, n, plateau.data());  // the true weights themselves, without rounding errors
  } else {
    for (double& w : plateau) w = std::abs(w) <= 1e-14 * least ? 0.0 : w;
  }
}

bool Path::State::unique_at(const double* weights_row, const double* pull_row, const Verdict& verdict) {
  if (attack == Attack::kL1 && !reduced.everything() && verdict.norm > 0) {
    if (rest_singular < 0) rest_singular = reduced.rest_is_singular();
    if (rest_singular) return false;
  }
  return is_unique(attack, problem(), weights_row, pull_row, verdict.norm, verdict.multiplier,
                   std::sqrt(verdict.spread2));
}

void Path::State::report_full(int64_t i, const double* full, const Answers& out) const {
  const scan::MaskedSizes size = scan::masked_sizes(d, full, spurious.data());
  if (out.spurious_share) out.spurious_share[i] = size.sum > 0 ? size.masked_sum / size.sum : 0.0;
  if (out.spurious_weight) out.spurious_weight[i] = std::sqrt(size.masked_squares);
  if (out.theta) std::copy_n(full, d, out.theta + i * d);
}

void Path::State::report(int64_t i, double, const double* w, const Verdict& verdict, bool unique,
                         const Answers& out) const {
  if (out.risk) out.risk[i] = verdict.risk;
  if (out.standard_risk) out.standard_risk[i] = verdict.spread2;
  if (out.multiplier) out.multiplier[i] = verdict.multiplier;
  if (out.gap) out.gap[i] = verdict.gap;
  if (out.unique) out.unique[i] = unique;
  if (reduced.everything()) {
    report_full(i, w, out);
    return;
  }
  thread_local std::vector<double> full;
  full.assign(static_cast<size_t>(d), 0.0);
  for (size_t a = 0; a < reduced.kept().size(); ++a) full[reduced.kept()[a]] = w[a];
  report_full(i, full.data(), out);
}

// Weights and errors of the block's radii beyond the plateau; they descend.
void Path::State::solve_ridge(int64_t count, const int64_t* index, const double* eps) {
  const Gaussian& p = problem();
  ridge_plateau = 0;
  if (!ridge_ready && count <= CholeskyRidge::kFew && CholeskyRidge::worth(p) &&
      !(ridge_ready = ridge.reset(p, critical, true))) {
    CholeskyRidge single;
    bool solved = true;
    for (int64_t i = 0; i < count && solved; ++i) {
      solved = single.solve(p, critical, eps[index[i]], weights.data() + i * p.d, error.data() + i * p.d);
    }
    if (solved) return;
  }
  ridge_plateau = ridge_path().plateau();
  double radii[kBlock];
  int64_t beyond = 0;
  while (beyond < count && eps[index[beyond]] > ridge_plateau) radii[beyond] = eps[index[beyond]], ++beyond;
  ridge.weights(beyond, radii, weights.data(), error.data());
}

void Path::State::answer_block(int64_t count, const int64_t* index, const double* eps, const Answers& out) {
  const Gaussian& p = problem();
  const int64_t n = p.d;
  enum : uint8_t { kSolved, kPlateau, kMissing };
  uint8_t kind[kBlock];
  if (attack == Attack::kL2) solve_ridge(count, index, eps);
  for (int64_t i = 0; i < count; ++i) {
    const double e = eps[index[i]];
    double *row = weights.data() + i * n, *lean = error.data() + i * n;
    kind[i] = kSolved;
    if (attack == Attack::kL2) {
      if (e <= ridge_plateau) kind[i] = kPlateau;
    } else if (const Piece* piece = pieces->find(e)) {
      if (pieces->emit(*piece, e, row, lean) <= 0) kind[i] = kPlateau;
    } else {
      kind[i] = kMissing;
      std::fill_n(row, n, 0.0);
      for (int64_t j = 0; j < n; ++j) lean[j] = -p.theta[j];
    }
    if (kind[i] == kPlateau) {
      if (plateau.empty()) make_plateau();
      std::copy_n(plateau.data(), n, row);
      std::fill_n(lean, n, 0.0);
    }
  }
  pulls(count);
  for (int64_t i = 0; i < count; ++i) {
    const double e = eps[index[i]];
    double *row = weights.data() + i * n, *lean = error.data() + i * n, *back = pull.data() + i * n;
    Verdict verdict = kind[i] == kPlateau ? certify_plateau(attack, n, e, row, gradient.data())
                                          : certify(attack, p, e, row, lean, back);
    if (kind[i] != kPlateau &&
        (apart || !(verdict.gap <= (n <= kTwofold ? kSharp : kTolerated) * verdict.risk)))
      fall_back(attack, p, e, row, lean, back, attack == Attack::kL2 && ridge_ready ? ridge.mu(i) : 0.0,
                verdict);
    if (out.unique != nullptr || out.risk != nullptr) {
      const bool on_plateau = kind[i] == kPlateau;
      bool unique = true;
      if (out.unique != nullptr) {
        if (on_plateau && attack != Attack::kL2) {
          // the multipliers of the plateau, per unit of lambda
          for (int64_t j = 0; j < n; ++j) back[j] = -gradient[j];
          Verdict at = verdict;
          at.multiplier = 1;
          at.spread2 = dense::dot(n, direction.data(), gradient.data());
          unique = unique_at(row, back, at);
        } else {
          unique = unique_at(row, back, verdict);
        }
      }
      report(index[i], e, row, verdict, unique, out);
    }
  }
}

namespace {
// The buffers of the last path that ended are kept for the next one: fresh pages cost more than a small path.
constexpr int64_t kKept = 1024;  // features
struct Kept {
  std::mutex mutex;
  std::unique_ptr<Path::State> state;
};
Kept& kept() {
  static Kept* one = new Kept;  // never destroyed: paths may end after it would be
  return *one;
}
}  // namespace

Path::Path() {
  {
    const std::lock_guard<std::mutex> guard(kept().mutex);
    state_ = std::move(kept().state);
  }
  if (!state_) state_.reset(new State);
}

Path::~Path() {
  if (state_->d > kKept) return;
  const std::lock_guard<std::mutex> guard(kept().mutex);
  std::swap(kept().state, state_);
}

void Path::reset(int64_t d, const double* cov, const double* theta, double noise_std, const uint8_t* core,
                 Attack attack) {
  State& s = *state_;
  s.d = d, s.cov = cov, s.theta = theta, s.noise_std = noise_std, s.core = core, s.attack = attack;
  s.reset();
}

void Path::solve(int64_t k, const double* eps, const Answers& out) {
  State& s = *state_;
  const Gaussian& p = s.problem();
  s.order.clear();
  for (int64_t i = 0; i < k; ++i) {
    if (eps[i] > 0 && eps[i] < s.critical) {
      s.order.push_back(i);
      continue;
    }
    // no radius, or one that no weight is worth: the true weights, or none
    const bool none = eps[i] > 0;
    Verdict v{none ? p.explained + p.noise_variance : p.noise_variance, 0, 0, 0, 0, 0};
    v.spread2 = v.risk;
    v.multiplier = none ? multiplier(eps[i], std::sqrt(v.risk), 0) : 0.0;
    bool unique = true;
    if (!none) {
      if (s.singular < 0 && out.unique) s.singular = is_singular(s.d, s.cov);
      unique = s.singular == 0;
    }
    std::vector<double> zeros;
    if (none) zeros.assign(static_cast<size_t>(s.d), 0.0);
    if (out.risk) out.risk[i] = v.risk;
    if (out.standard_risk) out.standard_risk[i] = v.spread2;
    if (out.multiplier) out.multiplier[i] = v.multiplier;
    if (out.gap) out.gap[i] = 0;
    if (out.unique) out.unique[i] = unique;
    s.report_full(i, none ? zeros.data() : s.theta, out);
  }
  if (s.order.empty()) return;
  std::sort(s.order.begin(), s.order.end(), [eps](int64_t a, int64_t b) { return eps[a] > eps[b]; });
  if (s.pieces) s.extend(eps[s.order.back()]);
  const auto total = static_cast<int64_t>(s.order.size());
  const auto room = static_cast<size_t>(std::min(total, kBlock) * p.d);
  if (s.weights.size() < room) s.weights.resize(room), s.error.resize(room), s.pull.resize(room);
  for (int64_t at = 0; at < total; at += kBlock) {
    s.answer_block(std::min(kBlock, total - at), s.order.data() + at, eps, out);
  }
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
