#include "theory/precise_path.h"

#include <algorithm>
#include <cmath>

namespace advspur::theory {
namespace {
constexpr double kDependent = 1e-26;  // what is left of a variance below this share of it is nothing
constexpr double kNothing = 1e-28;    // rounding errors per unit of what was added up
constexpr double kMoved = 1e-20;      // by how much the truth moves where ties are lost in
constexpr int kAttempts = 4;

Twofold magnitude(const Twofold& x) {
  return x.high < 0 || (x.high == 0 && x.low < 0) ? -x : x;
}
}  // namespace

void PrecisePath::reset(const Gaussian& problem) {
  p_ = problem;
  truth_.assign(p_.theta, p_.theta + p_.d);
  begin(0);
}

// From a second attempt on the events are those of a truth moved by less than doubles can hold: no ties are
// left.
void PrecisePath::begin(int attempt) {
  attempt_ = attempt;
  pieces_.clear(), lines_.clear();
  finished_ = lost_ = false;
  last_event_ = -1;
  table_.assign(p_.cov, p_.cov + p_.d * p_.d);
  moved_ = truth_;
  uint64_t state = static_cast<uint64_t>(attempt);
  for (int64_t j = 0; j < p_.d && attempt > 0; ++j) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double share = kMoved * (static_cast<double>(state >> 33) / 4294967296.0 + 0.25);
    moved_[j] +=
        Twofold(share) * (p_.theta[j] != 0 ? p_.theta[j] : std::sqrt(p_.explained) / p_.deviation[j]);
  }
  in_.assign(static_cast<size_t>(p_.d), 0);
  sign_.assign(static_cast<size_t>(p_.d), 0);
  lambda_ = HUGE_VAL;
  if (!spread_) return;
  const std::vector<Twofold> b = times_table(moved_);
  lambda_ = 0.0;
  for (int64_t j = 0; j < p_.d; ++j) {
    sign_[j] = b[j].high < 0 ? -1 : 1;
    lost_ = lost_ || b[j].high == 0;
    lambda_ += magnitude(b[j]);
  }
}

void PrecisePath::extend(double eps) {
  const size_t limit = static_cast<size_t>(200 + 20 * p_.d);
  while (true) {
    while (!finished_ && !lost_ && pieces_.size() < limit &&
           (pieces_.empty() || pieces_.back().eps_low > eps))
      advance();
    if ((!lost_ && pieces_.size() < limit) || attempt_ + 1 >= kAttempts) return;
    begin(attempt_ + 1);
  }
}

std::vector<Twofold> PrecisePath::times_table(const std::vector<Twofold>& x) const {
  std::vector<Twofold> y(x.size());
  for (int64_t i = 0; i < p_.d; ++i) {
    if (x[i] == 0) continue;
    const Twofold* row = table_.data() + i * p_.d;
    for (int64_t j = 0; j < p_.d; ++j) y[j] += row[j] * x[i];
  }
  return y;
}

void PrecisePath::pivot(int64_t j) {
  const int64_t d = p_.d;
  const bool in = !in_[j];
  const std::vector<Twofold> column(table_.begin() + j * d, table_.begin() + (j + 1) * d);
  const Twofold inverse = Twofold(1.0) / column[j];
  for (int64_t i = 0; i < d; ++i) {
    const Twofold factor = inverse * column[i];
    for (int64_t k = 0; k < d && factor != 0; ++k) table_[i * d + k] -= factor * column[k];
  }
  for (int64_t i = 0; i < d; ++i)
    table_[j * d + i] = table_[i * d + j] = in ? inverse * column[i] : -(inverse * column[i]);
  table_[j * d + j] = -inverse;
  in_[j] = in;
  for (int64_t i = 0; i < d; ++i) {  // a feature that depends on the pivoted ones has nothing of its own
    if (in_[i] || table_[i * d + i].high > kDependent * p_.cov[i * d + i]) continue;
    for (int64_t k = 0; k < d; ++k) {
      if (!in_[k]) table_[i * d + k] = table_[k * d + i] = 0.0;
    }
  }
}

// The face of in_ and sign_ for a truth; pull = cov error there, at lambda = 0.
PrecisePath::Line PrecisePath::line(const std::vector<Twofold>& truth, std::vector<Twofold>& pull, Face& face,
                                    bool& fits) const {
  const int64_t d = p_.d;
  Line out;
  out.error.resize(static_cast<size_t>(d)), out.v.resize(static_cast<size_t>(d));
  out.sign = sign_;
  pull.assign(static_cast<size_t>(d), 0.0);
  std::vector<Twofold> side(static_cast<size_t>(d)), rest(side);
  Twofold explained;
  if (!spread_) {
    for (int64_t j = 0; j < d; ++j) {
      side[j] = in_[j] ? sign_[j] : 0.0;
      if (!in_[j]) rest[j] = truth[j];
    }
    const std::vector<Twofold> fit = times_table(rest), slope = times_table(side);
    for (int64_t j = 0; j < d; ++j) {
      if (in_[j]) {
        out.error[j] = fit[j], out.v[j] = -slope[j];
        out.nu += side[j] * (truth[j] + fit[j]);
        out.tau -= side[j] * slope[j];
      } else {
        out.error[j] = -truth[j], pull[j] = -fit[j];
        explained += rest[j] * fit[j];
      }
    }
  } else {
    // at the bound theta = base z + (N - base) z: nothing large is taken from anything large
    int64_t origin = -1;
    for (int64_t j = 0; j < d; ++j) {
      if (!in_[j] && (origin < 0 || p_.deviation[j] > p_.deviation[origin])) origin = j;
    }
    if (origin < 0) return out;
    const Twofold base = truth[origin] * sign_[origin];
    for (int64_t j = 0; j < d; ++j) {
      if (!in_[j]) side[j] = sign_[j], rest[j] = truth[j] - base * sign_[j];
    }
    const std::vector<Twofold> fit = times_table(rest), slope = times_table(side);
    Twofold energy, along;
    for (int64_t j = 0; j < d; ++j) energy += side[j] * slope[j], along += side[j] * fit[j];
    if (!(energy.high > 0)) return out;
    out.tau = Twofold(1.0) / energy;
    const Twofold shift = along / energy;
    out.nu = base + shift;
    Twofold others;
    for (int64_t j = 0; j < d; ++j) {
      if (in_[j]) {
        out.error[j] = fit[j] - shift * slope[j];
        out.v[j] = -(out.tau * slope[j]);
      } else {
        out.error[j] = shift * side[j] - rest[j];
        out.v[j] = out.tau * side[j];
        pull[j] = shift * slope[j] - fit[j];
        if (j != origin) others += side[j] * pull[j];
      }
    }
    pull[origin] = -(side[origin] * others);  // the multipliers at lambda = 0 add up to 0
    for (int64_t j = 0; j < d; ++j) {
      if (!in_[j]) explained += out.error[j] * pull[j];
    }
  }
  double left = 0;
  for (int64_t j = 0; j < d; ++j) {
    if (!in_[j]) left += p_.deviation[j] * std::abs(out.error[j].high);
  }
  fits = !(explained.high > kDependent * left * left);
  if (fits) pull.assign(static_cast<size_t>(d), 0.0);
  face = {out.nu.high, out.tau.high, p_.noise_variance + (fits ? 0.0 : explained.high)};
  return out;
}

// Who is next to break its condition as lambda falls. A condition p + q lambda >= 0 that holds at lambda = 0
// too is never broken.
PrecisePath::Event PrecisePath::next_event(const Line& line, const std::vector<Twofold>& truth,
                                           const std::vector<Twofold>& pull) const {
  const int64_t d = p_.d;
  std::vector<Twofold> side(static_cast<size_t>(d));
  double left = 0;
  for (int64_t j = 0; j < d; ++j) {
    if (spread_ ? !in_[j] : in_[j]) side[j] = sign_[j];
    if (!in_[j]) left += p_.deviation[j] * std::abs(line.error[j].high);
  }
  if (spread_) {
    for (int64_t j = 0; j < d; ++j) side[j] = side[j] * line.tau;
  }
  const std::vector<Twofold> slope = times_table(side);  // outside: cov v
  Event best;
  best.lambda = 0.0;
  const auto ask = [&](int64_t j, const Twofold& p, const Twofold& q, double noise, int sign) {
    if (!(p.high < -noise)) return;
    Twofold at = q > 0.0 ? -p / q : lambda_;
    if (at > lambda_) at = lambda_;
    if (best.feature < 0 || at > best.lambda) best = {at, j, static_cast<signed char>(sign)};
  };
  int64_t origin = -1;
  for (int64_t j = 0; j < d; ++j) {
    if (spread_ && !in_[j] && (origin < 0 || p_.deviation[j] > p_.deviation[origin])) origin = j;
  }
  for (int64_t j = 0; j < d; ++j) {
    const double noise = kNothing * left;
    if (in_[j]) {
      for (int s = -1; s <= 1; s += 2) {
        if (spread_) {
          // s theta_j <= N
          const Twofold base = truth[origin] * sign_[origin], shift = line.error[origin] * sign_[origin];
          ask(j, (base - truth[j] * double(s)) + (shift - line.error[j] * double(s)),
              line.v[j] * double(s) - line.tau, noise / p_.deviation[j], s);
        } else if (s == sign_[j]) {
          ask(j, (truth[j] + line.error[j]) * double(s), line.v[j] * double(-s), noise / p_.deviation[j], 0);
        }
      }
    } else if (spread_) {
      ask(j, pull[j] * double(-sign_[j]), slope[j] * double(sign_[j]),
          j == origin ? 0.0 : noise * p_.deviation[j], 0);
    } else {
      // |pull| <= lambda; a feature joins with the sign that its pull does not have
      for (int s = -1; s <= 1; s += 2)
        ask(j, pull[j] * double(s), Twofold(1.0) - slope[j] * double(s), noise * p_.deviation[j], s);
    }
  }
  return best;
}

void PrecisePath::advance() {
  Face face;
  bool fits = false;
  std::vector<Twofold> pull;
  Line at = line(moved_, pull, face, fits);
  const Event event = next_event(at, moved_, pull);
  const bool empty = lambda_.high == HUGE_VAL;
  if (!empty) {
    if (!(face.tau > 0)) {
      lost_ = true;
      return;
    }
    if (attempt_ > 0) at = line(truth_, pull, face, fits);
    const auto previous = lambda_.high;
    const double eps_high = pieces_.empty() ? radius(face, previous) : pieces_.back().eps_low;
    const double eps_low = std::min(radius(face, event.lambda.high), eps_high);
    pieces_.push_back({previous, event.lambda.high, eps_high, eps_low, face, fits, 0, 0});
    lines_.push_back(std::move(at));
  }
  if (event.feature < 0) {
    finished_ = true;
    return;
  }
  const int64_t j = event.feature;
  // back again without a step, or without anything of its own: ties
  lost_ = (j == last_event_ && !(event.lambda < lambda_)) || (!in_[j] && !(table_[j * p_.d + j].high > 0));
  if (lost_) return;
  lambda_ = event.lambda;
  last_event_ = j;
  pivot(j);
  sign_[j] = event.sign;
}

Twofold PrecisePath::weight(const Line& line, int64_t j, const Twofold& lambda) const {
  return truth_[j] + (line.error[j] - lambda * line.v[j]);
}

void PrecisePath::weights(const Piece& piece, double lambda, double* theta) const {
  const Line& at = lines_[static_cast<size_t>(&piece - pieces_.data())];
  const double n = (at.nu - at.tau * lambda).high;
  for (int64_t j = 0; j < p_.d; ++j) {
    const double w = weight(at, j, lambda).high;
    if (spread_) {
      theta[j] = at.sign[j] != 0 ? at.sign[j] * n : std::clamp(w, -n, n);
    } else {
      theta[j] = at.sign[j] != 0 ? w : 0.0;
    }
  }
}

void PrecisePath::direction(const Piece& piece, double* v) const {
  const Line& at = lines_[static_cast<size_t>(&piece - pieces_.data())];
  for (int64_t j = 0; j < p_.d; ++j) v[j] = at.v[j].high;
}

bool PrecisePath::uses(const Piece& piece, int64_t j) const {
  const Line& at = lines_[static_cast<size_t>(&piece - pieces_.data())];
  if (at.sign[j] != 0) return true;
  const double least = 1e-14 * piece.face.nu;
  return spread_ &&
         (std::abs(weight(at, j, 0.0).high) > least || std::abs(at.v[j].high) > 1e-14 * piece.face.tau);
}

double PrecisePath::emit(const Piece& piece, double eps, double* theta, double* error) const {
  const Line& at = lines_[static_cast<size_t>(&piece - pieces_.data())];
  const double middle = 0.5 * (piece.lambda_low + piece.lambda_high);
  const double lambda = solve_multiplier(piece.face, eps, piece.lambda_low, piece.lambda_high, middle);
  weights(piece, lambda, theta);
  for (int64_t j = 0; j < p_.d; ++j) error[j] = (at.error[j] - lambda * at.v[j]).high;
  return lambda;
}

double PrecisePath::answer(const Piece& piece, double eps, Candidate& out) const {
  const Line& at = lines_[static_cast<size_t>(&piece - pieces_.data())];
  std::vector<double> theta(static_cast<size_t>(p_.d)), error(theta);
  const double lambda = emit(piece, eps, theta.data(), error.data());
  std::vector<Twofold> exact(theta.size());
  for (int64_t j = 0; j < p_.d; ++j) exact[j] = at.error[j] - lambda * at.v[j];
  weigh(p_, exact, theta, out);
  return lambda;
}

void PrecisePath::end(Candidate& out) const {
  const Line& at = lines_.back();
  std::vector<double> theta(static_cast<size_t>(p_.d));
  weights(pieces_.back(), 0.0, theta.data());
  weigh(p_, at.error, theta, out);
  lean(p_, at.v, out);
}

}  // namespace advspur::theory
