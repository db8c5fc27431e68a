// l_inf attack, q = 1. Members are the support A: u = cov_AA^-1 b_A, v = cov_AA^-1 z_A; off A, fixed_ holds
// r = b - cov u and moving_ holds -a = -cov v, so the correlations there are r + lambda a. lambda falls.
#include <algorithm>
#include <cmath>

#include "core/macros.h"
#include "theory/piecewise_path.h"

namespace advspur::theory {
namespace {

constexpr double kTied = 1e-12;

// The largest lambda at which a correlation outside the support reaches +-lambda, and whose it is. Features
// with open[j] = 0 do not count; values above `lambda` mean that it has done so already.
ADVSPUR_CLONES void join_times(int64_t d, const double* r, const double* minus_a, double* time) {
  for (int64_t j = 0; j < d; ++j) {
    const double m = minus_a[j], tol = 1e-13 * (1 + __builtin_fabs(m));
    const double up = 1 + m > tol ? r[j] / (1 + m) : 0.0;
    const double down = 1 - m > tol ? -r[j] / (1 - m) : 0.0;
    time[j] = up > down ? up : down;
  }
}

}  // namespace

void LassoPath::start() {
  lambda_ = 0;
  for (int64_t j = 0; j < p_.d; ++j) lambda_ = std::max(lambda_, std::abs(p_.b[j]));
}

double LassoPath::gain(int64_t j) const {
  const double g = 1 + sign_[j] * moving_[j];
  return g > 1e-13 * (1 + std::abs(moving_[j])) ? g : 0.0;
}
double LassoPath::amount(int64_t j) const {
  return sign_[j] * moving_[j];
}

void LassoPath::move(int64_t j) {
  moving_[j] += sign_[j];
  carry_pivot(j, true);
}
void LassoPath::move_back(int64_t j) {
  carry_pivot(j, false);
  moving_[j] -= sign_[j];
}

void LassoPath::advance() {
  // who is at the event: members without weight leave, then all whose correlation is +-lambda compete
  leaving_.clear();
  for (const int32_t i : members_) {
    const double weight = fixed_[i] - lambda_ * moving_[i];
    if (i == event_ || std::abs(weight) <= kTied * (std::abs(fixed_[i]) + lambda_ * std::abs(moving_[i]))) {
      leaving_.push_back(i);
    }
  }
  for (const int64_t i : leaving_) {
    tableau_.column(i, column_.data());
    move_back(i);
  }
  ties_.clear();
  for (int64_t j = 0; j < p_.d; ++j) {
    if (in_[j]) continue;
    const double correlation = fixed_[j] - lambda_ * moving_[j];
    if (j != event_ && std::abs(correlation) < lambda_ * (1 - kTied)) continue;
    ties_.push_back(j);
    sign_[j] = correlation < 0 ? -1.0 : 1.0;
  }
  resolve_ties(false);

  Face face;
  const auto first = static_cast<int64_t>(pool_index_.size());
  double next = 0;
  event_ = -1;
  for (const int32_t i : members_) {
    const double u = fixed_[i], v = moving_[i];
    face.nu += sign_[i] * u;
    face.tau += sign_[i] * v;
    pool_index_.push_back(i), pool_u_.push_back(u), pool_v_.push_back(v);
    if (v * sign_[i] < 0 && std::min(u / v, lambda_) > next) next = std::min(u / v, lambda_), event_ = i;
  }
  join_times(p_.d, fixed_.data(), moving_.data(), column_.data());
  double unexplained = 0;
  for (int64_t j = 0; j < p_.d; ++j) {
    if (in_[j]) continue;
    unexplained += p_.theta[j] * fixed_[j];
    if (column_[j] > next && !blocked_[j]) next = std::min(column_[j], lambda_), event_ = j;
  }
  face.kappa = snap_to_noise(unexplained);
  if (next <= kTied * kTied * lambda_) next = 0;
  add_piece(next, face, first);
  lambda_ = next;
  finished_ = next <= 0;
}

double LassoPath::emit(const Piece& piece, double eps, double* theta) const {
  const double share = (eps - piece.eps_low) / (piece.eps_high - piece.eps_low);
  const double lambda = solve_multiplier(piece.face, eps, piece.lambda_low, piece.lambda_high,
                                         piece.lambda_low + share * (piece.lambda_high - piece.lambda_low));
  std::fill_n(theta, p_.d, 0.0);
  for (int64_t k = piece.first; k < piece.first + piece.count; ++k) {
    theta[pool_index_[k]] = pool_u_[k] - lambda * pool_v_[k];
  }
  return lambda;
}

void LassoPath::direction(const Piece& piece, double* v) const {
  std::fill_n(v, p_.d, 0.0);
  for (int64_t k = piece.first; k < piece.first + piece.count; ++k) v[pool_index_[k]] = pool_v_[k];
}

bool LassoPath::uses(const Piece& piece, int64_t j) const {
  const auto begin = pool_index_.begin() + piece.first, end = begin + piece.count;
  return std::find(begin, end, static_cast<int32_t>(j)) != end;
}

}  // namespace advspur::theory
