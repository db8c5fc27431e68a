// q = 2: the second-order cone N >= ||t||_2 with Nesterov-Todd scaling.
//
// The cone's one product is aimed at `weight` times what each row's product aims at: with the same aim its
// surface would be followed so closely that its curvature cut every step short.
//
// s = (N, t) and z = (df/dN, -multiplier) lie in the cone; W z = W^-1 s =: l, with W^2 = eta^2 (2 w w' - J)
// and J = diag(1, -I). W^-2 ds is carried as a diagonal, the column -w_1 and the own scalar 2 (Jw)'ds /
// eta^2, so that the system keeps its diagonal-plus-borders form. Source: Vandenberghe, "The CVXOPT linear
// and quadratic cone solvers".
#include <algorithm>
#include <cmath>

#include "theory/finite_cone_kinds.h"

namespace advspur::theory {

namespace {

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
  return sum;
}

struct Pair {
  double head = 0;
  Vector tail;
  // head^2 - ||tail||^2
  double determinant() const {
    const double size = std::sqrt(dot(tail, tail));
    return (head - size) * (head + size);
  }
};

double inner(const Pair& a, const Pair& b) {
  return a.head * b.head + dot(a.tail, b.tail);
}

// Largest step <= limit with x + step dx in the cone; x inside.
double longest_in_cone(const Pair& x, const Pair& dx, double limit) {
  const double a = dx.determinant(), c = x.determinant();
  const double half = x.head * dx.head - dot(x.tail, dx.tail);
  const double root = half * half - a * c;
  if (root < 0) return limit;
  // Roots of a s^2 + 2 half s + c = 0; c > 0.
  const double q = -(half + std::copysign(std::sqrt(root), half));
  for (const double step : {q / a, c / q}) {
    if (step > 0 && step < limit) limit = step;
  }
  return limit;
}

class RoundCone final : public NormCone {
 public:
  RoundCone(int d, int weight) : weight_(weight) {
    for (Pair* v : {&s_, &z_, &ds_, &dz_, &l_, &c_, &w_, &tmp_}) v->tail.assign(d, 0.0);
  }
  bool has_own() const override { return true; }
  int degree() const override { return weight_; }

  double start(const Vector& t, double lambda, double mu) override {
    mu *= weight_;
    const double half = 0.5 * mu / lambda;
    s_.head = half + std::sqrt(half * half + dot(t, t));
    s_.tail = t;
    z_.head = lambda;
    for (size_t j = 0; j < t.size(); ++j) z_.tail[j] = -lambda * t[j] / s_.head;
    return s_.head;
  }

  void terms(ConeTerms& terms) override {
    const double rs = std::sqrt(s_.determinant()), rz = std::sqrt(z_.determinant());
    const double gamma = std::sqrt(0.5 * (1 + inner(s_, z_) / (rs * rz)));
    w_.head = (s_.head / rs + z_.head / rz) / (2 * gamma);
    for (size_t j = 0; j < s_.tail.size(); ++j)
      w_.tail[j] = (s_.tail[j] / rs - z_.tail[j] / rz) / (2 * gamma);
    eta2_ = rs / rz;
    scale(z_, 1, l_);
    for (size_t j = 0; j < s_.tail.size(); ++j) {
      terms.e[j] = 1 / eta2_;
      terms.own[j] = -w_.tail[j];
    }
    terms.nn = -1 / eta2_;
    terms.n_own = w_.head;
    terms.own_own = -eta2_ / 2;
  }

  void right_side(double target, bool correct, double pull, Vector& r_t, double& r_n,
                  double& r_own) override {
    // l o x = target e - l o l - (W^-1 ds) o (W dz), then c = W^-1 x.
    Pair x;
    x.head = weight_ * target - inner(l_, l_);
    x.tail.resize(l_.tail.size());
    for (size_t j = 0; j < x.tail.size(); ++j) x.tail[j] = -2 * l_.head * l_.tail[j];
    if (correct) {
      Pair u = ds_, v = dz_;
      scale(ds_, -1, u);
      scale(dz_, 1, v);
      x.head -= inner(u, v);
      for (size_t j = 0; j < x.tail.size(); ++j) x.tail[j] -= u.head * v.tail[j] + v.head * u.tail[j];
    }
    const double head = (l_.head * x.head - dot(l_.tail, x.tail)) / l_.determinant();
    for (size_t j = 0; j < x.tail.size(); ++j) x.tail[j] = (x.tail[j] - head * l_.tail[j]) / l_.head;
    x.head = head;
    scale(x, -1, c_);
    for (size_t j = 0; j < r_t.size(); ++j) r_t[j] += z_.tail[j] + c_.tail[j];
    r_n = -(pull - z_.head) + c_.head;
    r_own = 0;
  }

  void direction(const Vector& dt, double dn, double own) override {
    ds_.head = dn;
    ds_.tail = dt;
    dz_.head = c_.head - (w_.head * own - dn / eta2_);
    for (size_t j = 0; j < dt.size(); ++j) dz_.tail[j] = c_.tail[j] - (-w_.tail[j] * own + dt[j] / eta2_);
  }

  double longest(double limit) const override {
    return longest_in_cone(z_, dz_, longest_in_cone(s_, ds_, limit));
  }
  double complementarity(double step) const override {
    return inner(s_, z_) + step * (inner(s_, dz_) + inner(ds_, z_) + step * inner(ds_, dz_));
  }
  void advance(double step) override {
    s_.head += step * ds_.head;
    z_.head += step * dz_.head;
    for (size_t j = 0; j < s_.tail.size(); ++j) {
      s_.tail[j] += step * ds_.tail[j];
      z_.tail[j] += step * dz_.tail[j];
    }
  }
  double norm(double) const override { return s_.head; }
  void add_multiplier(Vector& g) const override {
    for (size_t j = 0; j < g.size(); ++j) g[j] -= z_.tail[j];
  }

 private:
  // out = W x (power 1) or W^-1 x (power -1); out may not be x.
  void scale(const Pair& x, int power, Pair& out) const {
    const double eta = power > 0 ? std::sqrt(eta2_) : 1 / std::sqrt(eta2_), sign = power;
    const double along = dot(w_.tail, x.tail);
    out.head = eta * (w_.head * x.head + sign * along);
    const double factor = sign * x.head + along / (1 + w_.head);
    for (size_t j = 0; j < x.tail.size(); ++j) out.tail[j] = eta * (x.tail[j] + factor * w_.tail[j]);
  }

  Pair s_, z_, ds_, dz_, l_, c_, w_, tmp_;
  double eta2_ = 1;
  int weight_;
};

}  // namespace

std::unique_ptr<NormCone> make_round_cone(int d, int weight) {
  return std::make_unique<RoundCone>(d, weight);
}

std::unique_ptr<NormCone> make_cone(Attack attack, int d, int rows) {
  switch (attack) {
    case Attack::kLinf:
      return make_sum_cone(d);
    case Attack::kL1:
      return make_box_cone(d);
    default:
      return make_round_cone(d, std::max(10, rows));
  }
}

}  // namespace advspur::theory
