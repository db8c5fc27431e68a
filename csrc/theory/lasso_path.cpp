// l_inf attack, q = 1. Members are the support A: u = cov_AA^-1 b_A, v = cov_AA^-1 z_A; off A, fixed_ holds
// r = b - cov u and moving_ holds -a = -cov v, so the correlations there are r + lambda a. lambda falls.
#include <algorithm>
#include <cmath>
#include <limits>

#include "theory/piecewise_path.h"
#include "theory/scan.h"

namespace advspur::theory {
namespace {

constexpr double kTied = 1e-12;

}  // namespace

void LassoPath::start() {
  lambda_ = 0;
  for (int64_t j = 0; j < p_.d; ++j) lambda_ = std::max(lambda_, std::abs(p_.b[j]));
}

double LassoPath::gain(int64_t j) const {
  const double g = 1 + sign_[j] * moving_[j];
  return g > 1e-13 * (1 + std::abs(moving_[j])) ? g : 0.0;
}
void LassoPath::weigh_rounding() {
  moving_scale_ = 0;
  for (const int32_t i : members_)
    moving_scale_ = std::max(moving_scale_, p_.deviation[i] * std::abs(moving_[i]));
}
double LassoPath::amount(int64_t j) const {
  return p_.deviation[j] * std::abs(moving_[j]) > 1e-13 * moving_scale_ ? sign_[j] * moving_[j] : 0.0;
}

void LassoPath::move(int64_t j) {
  moving_[j] += sign_[j];
  carry_pivot(j, true);
}
void LassoPath::move_back(int64_t j) {
  carry_pivot(j, false);
  moving_[j] -= sign_[j];
}

void LassoPath::refresh_moving() {
  std::vector<double> signs(static_cast<size_t>(p_.d), 0.0);
  for (const int32_t i : members_) signs[i] = sign_[i];
  refresh(signs.data(), moving_);
}

void LassoPath::advance() {
  // who is at the event: members without weight leave, then all whose correlation is +-lambda compete
  leaving_.clear();
  double scale = 0;
  for (const int32_t i : members_) {
    scale = std::max(
        scale, p_.deviation[i] * ((careful_ ? 0.0 : std::abs(fixed_[i])) + lambda_ * std::abs(moving_[i])));
  }
  if (careful_) {
    for (int64_t j = 0; j < p_.d; ++j) scale += outside_[j] * p_.deviation[j] * std::abs(p_.theta[j]);
  }
  for (const int32_t i : members_) {
    const double weight = std::abs(fixed_[i] - lambda_ * moving_[i]);
    const double size = std::abs(fixed_[i]) + lambda_ * std::abs(moving_[i]);
    if (i == event_ || weight <= kTied * size || p_.deviation[i] * weight <= 1e-14 * scale)
      leaving_.push_back(i);
  }
  for (const int64_t i : leaving_) {
    tableau_.column(i, column_.data());
    move_back(i);
  }
  ties_.clear();
  scan::correlations(p_.d, outside_.data(), fixed_.data(), moving_.data(), lambda_, column_.data());
  if (event_ >= 0) column_[event_] = in_[event_] ? -1.0 : lambda_;
  const double tied = lambda_ * (1 - kTied);
  for (int64_t j = -1; (j = scan::first_at_least(p_.d, column_.data(), j + 1, tied)) < p_.d;) {
    ties_.push_back(j);
    sign_[j] = fixed_[j] < lambda_ * moving_[j] ? -1.0 : 1.0;
  }
  resolve_ties(false);
  if (tableau_.settled()) {
    refresh(p_.b, fixed_);
    refresh_moving();
  }

  if (careful_) refit();

  // does this face fit all there is to fit? Then u and r are known without their rounding errors
  const scan::Fit fit = scan::lasso_fit(p_.d, outside_.data(), p_.theta, fixed_.data(), p_.deviation);
  const bool fits =
      !(fit.unexplained > (careful_ ? 1e-13 * fit.outside * fit.outside : noise(fit.outside, fit.total)));

  Face face;
  face.kappa = p_.noise_variance + (fits ? 0.0 : fit.unexplained);
  const auto first = static_cast<int64_t>(pool_index_.size());
  double next = 0;
  event_ = -1;
  for (const int32_t i : members_) {
    const double v = moving_[i];
    double u = fixed_[i];
    if (fits && fit.outside == 0) u = p_.theta[i];
    if (fits && fit.outside > 0 && p_.deviation[i] * std::abs(u) <= 1e-13 * fit.largest) u = 0;
    if (careful_) pool_error_.push_back(offset_[i]);
    face.nu += sign_[i] * u;
    face.tau += sign_[i] * v;
    pool_index_.push_back(i), pool_u_.push_back(u), pool_v_.push_back(v);
    if (v * sign_[i] < 0 && std::min(u / v, lambda_) > next) next = std::min(u / v, lambda_), event_ = i;
  }
  if (!fits) {
    scan::join_times(p_.d, outside_.data(), fixed_.data(), moving_.data(), column_.data());
    const double least = std::numeric_limits<double>::min();
    for (int64_t j = -1;
         (j = scan::first_at_least(p_.d, column_.data(), j + 1, std::max(next, least))) < p_.d;) {
      if (column_[j] > next && !blocked_[j]) next = std::min(column_[j], lambda_), event_ = j;
    }
  }
  add_piece(next, face, fits, first);
  lambda_ = next;
  finished_ = next <= 0;
}

void LassoPath::weights(const Piece& piece, double lambda, double* theta) const {
  std::fill_n(theta, p_.d, 0.0);
  for (int64_t k = piece.first; k < piece.first + piece.count; ++k) {
    theta[pool_index_[k]] = pool_u_[k] - lambda * pool_v_[k];
  }
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
