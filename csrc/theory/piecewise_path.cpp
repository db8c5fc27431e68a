#include "theory/piecewise_path.h"

#include <algorithm>
#include <cmath>

#include "theory/dense.h"

namespace advspur::theory {
namespace {
constexpr double kDependent =
    1e-13;  // a pivot below this share of the variance: the feature depends on the members

constexpr double kApart = 1e-3;  // scales of features this far apart lose digits to each other

// The share in [0, 1] of the step from `from` to `to` that stays inside (0, top]; 2 if all of it does.
double reach(double from, double to, double top) {
  if (to <= 0) return to < from ? std::max(from, 0.0) / (from - to) : 0.0;
  if (to > top) return std::max(top - from, 0.0) / (to - from);
  return 2.0;
}

}  // namespace

void TablePath::reset(const Gaussian& problem) {
  begin(problem, true);
}

void TablePath::begin(const Gaussian& problem, bool may_care) {
  p_ = problem;
  const auto d = static_cast<size_t>(p_.d);
  tableau_.reset(p_.d, p_.cov, few_pivots());
  pieces_.clear(), pool_index_.clear(), pool_u_.clear(), pool_v_.clear(), pool_error_.clear(),
      members_.clear();
  column_.resize(d);
  sign_.assign(d, 0.0), fixed_.assign(p_.b, p_.b + p_.d), moving_.assign(d, 0.0), previous_.assign(d, 0.0);
  in_.assign(d, 0), blocked_.assign(d, 0), outside_.assign(d, 1.0);
  finished_ = false;
  if (may_care && tableau_.direct()) {
    const auto [least, most] = std::minmax_element(p_.deviation, p_.deviation + p_.d);
    careful_ = p_.noise_variance == 0 || (few_pivots() && *least < kApart * *most);
  } else {
    careful_ = false;
  }
  event_ = -1;
  lost_ = false;
  start();
}

void TablePath::extend(double eps) {
  const size_t limit = static_cast<size_t>(200 + 20 * p_.d);  // sane paths take about d steps
  const auto follow = [&] {
    while (!finished_ && !lost_ && pieces_.size() < limit &&
           (pieces_.empty() || pieces_.back().eps_low > eps))
      advance();
  };
  follow();
  if (careful_ && (lost_ || (!finished_ && pieces_.size() >= limit))) {
    begin(Gaussian(p_), false);
    follow();
  }
}

const Piece* PiecewisePath::find(double eps) const {
  const auto it =
      std::partition_point(pieces_.begin(), pieces_.end(), [eps](const Piece& p) { return p.eps_low > eps; });
  if (it != pieces_.end()) return &*it;
  return finished_ && !pieces_.empty() ? &pieces_.back() : nullptr;
}

void TablePath::add_piece(double lambda_low, const Face& face, bool fits, int64_t first) {
  const double eps_high = pieces_.empty() ? radius(face, lambda_) : pieces_.back().eps_low;
  const double eps_low = std::min(radius(face, lambda_low), eps_high);
  const auto count = static_cast<int64_t>(pool_index_.size()) - first;
  pieces_.push_back({lambda_, lambda_low, eps_high, eps_low, face, fits, first, count});
}

void PiecewisePath::refine_end(double tau) {
  Piece& last = pieces_.back();
  last.face.tau = tau;
  last.eps_low = std::min(radius(last.face, 0.0), last.eps_high);
}

double TablePath::emit(const Piece& piece, double eps, double* theta, double* error) const {
  const double share = (eps - piece.eps_low) / (piece.eps_high - piece.eps_low);
  const double lambda = solve_multiplier(piece.face, eps, piece.lambda_low, piece.lambda_high,
                                         piece.lambda_low + share * (piece.lambda_high - piece.lambda_low));
  weights(piece, lambda, theta);
  if (piece.fits) {
    // theta - theta* would round; its exact value is at hand
    direction(piece, error);
    for (int64_t j = 0; j < p_.d; ++j) error[j] *= -lambda;
  } else {
    for (int64_t j = 0; j < p_.d; ++j) error[j] = theta[j] - p_.theta[j];
    const double at = clock(piece, lambda);
    for (int64_t k = piece.first; careful_ && k < piece.first + piece.count; ++k)
      error[pool_index_[k]] = pool_error_[k] - at * pool_v_[k];
  }
  return lambda;
}

void TablePath::carry_pivot(int64_t j, bool in) {
  Tableau::carry(p_.d, fixed_.data(), j, column_.data(), in);
  Tableau::carry(p_.d, moving_.data(), j, column_.data(), in);
  tableau_.pivot(j, column_.data(), in);
  in_[j] = in;
  outside_[j] = in ? 0.0 : 1.0;
  if (in) {
    members_.push_back(static_cast<int32_t>(j));
  } else {
    members_.erase(std::find(members_.begin(), members_.end(), static_cast<int32_t>(j)));
    std::fill(blocked_.begin(), blocked_.end(), uint8_t{0});
  }
}

void TablePath::refresh(const double* y, std::vector<double>& carried) {
  // with x the members' part and rho = y - cov x: one step of iterative refinement, by the tableau's own
  // inverse
  std::vector<double> x(carried), rho(y, y + p_.d), inside(x), change(x);
  for (int64_t j = 0; j < p_.d; ++j) x[j] = in_[j] ? -carried[j] : 0.0;
  dense::add_rows(p_.d, p_.d, x.data(), p_.cov, p_.d, rho.data());
  for (int64_t j = 0; j < p_.d; ++j) inside[j] = in_[j] ? rho[j] : 0.0;
  tableau_.multiply(inside.data(), change.data());
  for (int64_t j = 0; j < p_.d; ++j) carried[j] = (in_[j] ? carried[j] : rho[j]) - change[j];
}

void TablePath::refit() {
  for (int64_t j = 0; j < p_.d; ++j) column_[j] = outside_[j] * p_.theta[j];
  tableau_.multiply(column_.data(), fixed_.data());
  offset_ = fixed_;
  for (const int32_t i : members_) fixed_[i] += p_.theta[i];
}

int64_t TablePath::next_to_move() const {
  int64_t best = -1;
  double best_gain = 0;
  bool best_is_spurious = true;
  for (const int64_t j : ties_) {
    if (in_[j] || blocked_[j]) continue;
    const double g = gain(j);
    const bool spurious = p_.spurious != nullptr && p_.spurious[j];
    if (!(g > 0) || (best >= 0 && (spurious != best_is_spurious ? spurious : g <= best_gain))) continue;
    best = j, best_gain = g, best_is_spurious = spurious;
  }
  return best;
}

void TablePath::resolve_ties(bool two_sided) {
  const double top = two_sided ? 2.0 : HUGE_VAL;
  const auto limit = static_cast<int64_t>(20 + 10 * ties_.size());
  chosen_.clear();
  for (int64_t round = 0; round < limit; ++round) {
    const int64_t best = next_to_move();
    if (best < 0) return;
    tableau_.column(best, column_.data());
    if (!(column_[best] > kDependent * p_.cov[best * p_.d + best])) {
      blocked_[best] = 1;
      continue;
    }
    move(best);
    chosen_.push_back(best);
    previous_[best] = 0;
    while (true) {
      // how far the step to the new minimum may go before someone reaches a limit, and who does
      double step = 2;
      weigh_rounding();
      for (const int64_t i : chosen_) step = std::min(step, reach(previous_[i], amount(i), top));
      if (step > 1) break;
      leaving_.clear();
      for (const int64_t i : chosen_) {
        const double y = amount(i);
        if (reach(previous_[i], y, top) <= step) leaving_.push_back(i);
        previous_[i] += step * (y - previous_[i]);
      }
      for (const int64_t i : leaving_) {
        const bool up = previous_[i] > 1 && two_sided;
        chosen_.erase(std::find(chosen_.begin(), chosen_.end(), i));
        tableau_.column(i, column_.data());
        if (up) sign_[i] = -sign_[i];
        move_back(i);
        if (i == best && step == 0) blocked_[i] = 1;  // its gain was a rounding error
      }
    }
    for (const int64_t i : chosen_) previous_[i] = amount(i);
  }
}

}  // namespace advspur::theory
