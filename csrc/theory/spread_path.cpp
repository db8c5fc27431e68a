// l1 attack, q = inf. Members are the free features F; the others sit at +-N. With z the signs at the bound,
// theta_F = pF - N qF, pF = cov_FF^-1 b_F, qF = cov_FF^-1 (cov z)_F; at the bound fixed_ and moving_ hold r0
// = b - cov pF and r1 = cov z - cov qF, so the multipliers there are z (r0 - N r1). N grows from 0, lambda =
// sum z r0 - N sum z r1.
#include <algorithm>
#include <cmath>

#include "theory/dense.h"
#include "theory/piecewise_path.h"
#include "theory/scan.h"

namespace advspur::theory {
namespace {
constexpr double kTied = 1e-12;
}

void SpreadPath::start() {
  const int64_t d = p_.d;
  norm_ = lambda_ = 0;
  pool_sign_.clear();
  rounding_.resize(static_cast<size_t>(d));
  times_.resize(static_cast<size_t>(d));
  for (int64_t j = 0; j < d; ++j) {
    sign_[j] = p_.b[j] < 0 ? -1.0 : 1.0;
    lambda_ += std::abs(p_.b[j]);
    rounding_[j] = 1e-14 * scan::sizes(d, p_.cov + j * d).sum;
  }
  dense::add_rows(d, d, sign_.data(), p_.cov, d, moving_.data());
}

double SpreadPath::gain(int64_t j) const {
  const double g = sign_[j] * moving_[j];
  return g > rounding_[j] ? g : 0.0;
}
double SpreadPath::amount(int64_t j) const {
  const double y = 1 + sign_[j] * moving_[j];
  return std::abs(y) > 1e-13 * (1 + std::abs(moving_[j])) ? y : 0.0;
}

void SpreadPath::move(int64_t j) {
  dense::axpy(p_.d, -sign_[j], column_.data(), moving_.data());
  carry_pivot(j, true);
}
void SpreadPath::move_back(int64_t j) {
  carry_pivot(j, false);
  tableau_.column(j, column_.data());
  dense::axpy(p_.d, sign_[j], column_.data(), moving_.data());
}

void SpreadPath::refresh_moving() {
  std::vector<double> signs(static_cast<size_t>(p_.d)), y(signs);
  for (int64_t j = 0; j < p_.d; ++j) signs[j] = outside_[j] * sign_[j];
  dense::add_rows(p_.d, p_.d, signs.data(), p_.cov, p_.d, y.data());
  refresh(y.data(), moving_);
}

void SpreadPath::advance() {
  const int64_t d = p_.d;
  const bool origin = pieces_.empty();
  leaving_.clear();
  for (const int32_t i : members_) {
    const double weight = fixed_[i] - norm_ * moving_[i];
    if (i == event_ || std::abs(weight) >= norm_ * (1 - kTied)) leaving_.push_back(i);
  }
  for (const int64_t i : leaving_) {
    sign_[i] = fixed_[i] - norm_ * moving_[i] < 0 ? -1.0 : 1.0;
    tableau_.column(i, column_.data());
    move_back(i);
  }
  ties_.clear();
  for (int64_t j = 0; j < d; ++j) {
    if (in_[j]) continue;
    const double slack = sign_[j] * (fixed_[j] - norm_ * moving_[j]);
    const double size = std::abs(fixed_[j]) + norm_ * std::abs(moving_[j]);  // features differ in scale
    if (origin ? p_.b[j] == 0 : (j == event_ || slack <= kTied * size)) ties_.push_back(j);
  }
  resolve_ties(origin);
  if (tableau_.settled()) {
    refresh(p_.b, fixed_);
    refresh_moving();
  }

  if (careful_) {
    refit();
    for (int64_t j = 0; j < d; ++j) column_[j] = outside_[j] * sign_[j];
    tableau_.multiply(column_.data(), moving_.data());
    double spread = 0;
    for (int64_t j = 0; j < d; ++j) spread += outside_[j] * p_.deviation[j];
    for (int64_t j = 0; j < d; ++j) rounding_[j] = 1e-14 * p_.deviation[j] * spread;
  }

  double next = HUGE_VAL;
  event_ = -1;
  for (int64_t j = 0; j < d; ++j) column_[j] = outside_[j] * sign_[j];
  const double l0 = dense::dot(d, column_.data(), fixed_.data());
  const double l1 = dense::dot(d, column_.data(), moving_.data());
  scan::leave_times(d, column_.data(), fixed_.data(), moving_.data(), rounding_.data(), times_.data());
  for (int64_t j = 0; j < d; ++j) {
    if (times_[j] < next && !blocked_[j]) next = std::max(times_[j], norm_), event_ = j;
  }
  const auto first = static_cast<int64_t>(pool_index_.size());
  for (const int32_t i : members_) {
    const double p = fixed_[i], q = moving_[i];
    pool_index_.push_back(i), pool_u_.push_back(p), pool_v_.push_back(q);
    if (careful_) pool_error_.push_back(offset_[i]);
    const double time = q > 1 ? p / (q - 1) : (q < -1 ? p / (q + 1) : HUGE_VAL);  // it reaches -N or N
    if (time < next) next = std::max(time, norm_), event_ = i;
  }
  Face face;
  face.nu = l1 > 0 ? l0 / l1 : norm_;
  face.tau = l1 > 0 ? 1 / l1 : 0;
  // all at the bound of one true size: they fit exactly
  bool tied = careful_;
  double size = -1;
  for (int64_t j = 0; j < d && tied; ++j) {
    if (in_[j]) continue;
    const double w = sign_[j] * p_.theta[j];
    if (size < 0) size = w;
    tied = w > 0 && std::abs(w - size) <= 1e-14 * size;
  }
  if (tied && size > 0) face.nu = size;
  double unexplained = 0, outside = 0, total = 0;
  for (int64_t j = 0; j < d; ++j) {
    pool_sign_.push_back(in_[j] ? 0 : static_cast<signed char>(sign_[j]));
    if (in_[j]) {
      total += p_.deviation[j] * std::abs(fixed_[j] - face.nu * moving_[j]);
    } else {
      unexplained += p_.theta[j] * (fixed_[j] - face.nu * moving_[j]);
      outside += p_.deviation[j] * std::abs(p_.theta[j]);
      total += p_.deviation[j] * face.nu;
    }
  }
  double floor = noise(outside, total);
  if (careful_ && tied) {
    unexplained = 0;
  } else if (careful_ && face.tau > 0) {
    // the same from what theta* - N z leaves at the bound, with the largest feature there as the origin:
    // nothing large cancels
    int64_t origin_of = -1;
    for (int64_t j = 0; j < d; ++j) {
      if (!in_[j] && (origin_of < 0 || p_.deviation[j] > p_.deviation[origin_of])) origin_of = j;
    }
    const double base = sign_[origin_of] * p_.theta[origin_of];
    for (int64_t j = 0; j < d; ++j) column_[j] = outside_[j] * (p_.theta[j] - base * sign_[j]);
    tableau_.multiply(column_.data(), times_.data());
    double shift = 0, left = 0;
    for (int64_t j = 0; j < d; ++j) shift += outside_[j] * sign_[j] * times_[j];
    shift *= face.tau;
    if (std::abs(shift) < 0.5 * std::abs(base)) {
      face.nu = base + shift;
    } else {
      shift = face.nu - base;
    }
    unexplained = 0;
    for (int64_t j = 0; j < d; ++j) {
      const double rest = outside_[j] * (column_[j] - shift * sign_[j]);
      unexplained += rest * (times_[j] - shift * moving_[j]);
      left += p_.deviation[j] * std::abs(rest);
    }
    floor = 1e-13 * left * left;
  }
  // where a face fits all there is to fit, nothing can happen before its end: multipliers are 0 there, and
  // linear
  const bool fits = !(unexplained > floor);
  bool ends = fits;
  for (const int32_t i : members_)
    ends = ends && std::abs(fixed_[i] - face.nu * moving_[i]) <= face.nu * (1 + 1e-9);
  face.kappa = p_.noise_variance + (fits ? 0.0 : unexplained);
  lost_ = careful_ && face.nu < norm_ * (1 - 1e-6);  // N can only grow
  finished_ = ends || !(next < face.nu * (1 - 1e-15));
  const double lambda_next = finished_ ? 0.0 : std::min(lambda_, std::max(0.0, l0 - l1 * next));
  add_piece(lambda_next, face, fits, first);
  norm_ = std::min(next, face.nu);
  lambda_ = lambda_next;
  finished_ = finished_ || lambda_ <= 0;
}

void SpreadPath::weights(const Piece& piece, double lambda, double* theta) const {
  const double n = piece.face.norm(lambda);
  const signed char* sign = pool_sign_.data() + (&piece - pieces_.data()) * p_.d;
  for (int64_t j = 0; j < p_.d; ++j) theta[j] = sign[j] * n;
  for (int64_t k = piece.first; k < piece.first + piece.count; ++k) {
    theta[pool_index_[k]] = std::clamp(pool_u_[k] - n * pool_v_[k], -n, n);
  }
}

void SpreadPath::direction(const Piece& piece, double* v) const {
  const signed char* sign = pool_sign_.data() + (&piece - pieces_.data()) * p_.d;
  for (int64_t j = 0; j < p_.d; ++j) v[j] = sign[j] * piece.face.tau;
  for (int64_t k = piece.first; k < piece.first + piece.count; ++k)
    v[pool_index_[k]] = -piece.face.tau * pool_v_[k];
}

bool SpreadPath::uses(const Piece& piece, int64_t j) const {
  if (pool_sign_[(&piece - pieces_.data()) * p_.d + j] != 0) return true;
  const auto begin = pool_index_.begin() + piece.first, end = begin + piece.count;
  const auto k = std::find(begin, end, static_cast<int32_t>(j)) - pool_index_.begin();
  return std::abs(pool_u_[k]) > 1e-14 * piece.face.nu || std::abs(pool_v_[k]) > 1e-14;
}

}  // namespace advspur::theory
