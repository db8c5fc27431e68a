// Mehrotra's predictor-corrector method for
//
//   min f(t, b, N) + 1/2 sum_i (u_i + eps N)^2   over   u_i >= |r_i|,  N >= ||t||_q,  r = X t + b - y.
//
// Row i has slacks w1 = u - r, w2 = u + r with multipliers a, c. With A = a/w1, B = c/w2 the pair (u_i, a_i,
// c_i) leaves the Newton system in closed form: weight D = (A + B + 4AB)/(1 + A + B) on x_i x_i' and (A -
// B)/(1 + A + B) on the coupling with N. What remains is X'DX + diagonal, bordered by N, the intercept and at
// most two more scalars.
#include <algorithm>
#include <cmath>

#include "theory/blas.h"
#include "theory/finite_cone.h"
#include "theory/finite_problem.h"
#include "theory/finite_system.h"

namespace advspur::theory {

namespace {

class Rows {
 public:
  Rows(const InequalityRows& rows, int d, double eps) : rows_(rows), d_(d), eps_(eps) {
    for (Vector* v : {&w1, &w2, &a, &c, &dw1, &dw2, &da, &dc, &A_, &B_, &h_, &weight, &coupling, &alpha,
                      &beta, &drift, &tmp_}) {
      v->assign(rows.count, 0.0);
    }
  }

  // Slacks and multipliers with every product mu and phi = a + c; returns sum phi.
  double start(const Point& point, double norm, double mu, const Vector& known) {
    times(point.t, tmp_);
    double sum = 0;
    for (int i = 0; i < rows_.count; ++i) {
      const double r = tmp_[i] + point.b - rows_.y[i], size = std::fabs(r);
      double u = size + std::sqrt(mu);
      double s = 0;
      for (int k = 0; k < 8; ++k) {  // u^2 - r^2 = 2 u mu / (u + eps N)
        s = mu / (u + eps_ * norm);
        u = s + std::sqrt(s * s + r * r);
      }
      const double phi = u + eps_ * norm, sign = known.empty() ? 1 : std::fabs(known[i]) / phi;
      sum += phi;
      if (sign < 0.999) {  // a kink, by its dual value; false for NaN
        a[i] = 0.5 * (phi + known[i]);
        c[i] = 0.5 * (phi - known[i]);
        w1[i] = mu / a[i];
        w2[i] = mu / c[i];
        continue;
      }
      const double wide = u + size, narrow = 2 * u * s / wide;
      w1[i] = r >= 0 ? narrow : wide;
      w2[i] = r >= 0 ? wide : narrow;
      a[i] = mu / w1[i];
      c[i] = mu / w2[i];
    }
    return sum;
  }

  // Weights of the step's system; returns sum phi. residual: what is not yet satisfied; squares: sum phi^2.
  double prepare(const Point& point, double norm, double& residual, double& squares) {
    double sum = 0;
    residual = squares = 0;
    times(point.t, drift);
    coupling_sum = kappa = 0;
    for (int i = 0; i < rows_.count; ++i) {
      A_[i] = a[i] / w1[i];
      B_[i] = c[i] / w2[i];
      const double total = A_[i] + B_[i];
      weight[i] = (total + 4 * A_[i] * B_[i]) / (1 + total);
      coupling[i] = (A_[i] - B_[i]) / (1 + total);
      kappa += total / (1 + total);
      coupling_sum += coupling[i];
      alpha[i] = a[i] - c[i];
      beta[i] = a[i] + c[i];
      const double u = 0.5 * (w1[i] + w2[i]), phi = u + eps_ * norm;
      sum += phi;
      squares += phi * phi;
      drift[i] += point.b - rows_.y[i] - 0.5 * (w2[i] - w1[i]);
      residual += std::fabs(phi - a[i] - c[i]) * u + 2 * phi * std::fabs(drift[i]);
    }
    kappa *= eps_ * eps_;
    return sum;
  }

  // Adds the rows' share to the right-hand sides.
  void right_side(double target, bool correct, double norm, Vector& r_t, double& r_n, double& r_b) {
    const double second = correct ? 1 : 0;
    double to_n = 0, to_b = 0;
    for (int i = 0; i < rows_.count; ++i) {
      const double ca = (target - second * da[i] * dw1[i]) / w1[i] - a[i];
      const double cc = (target - second * dc[i] * dw2[i]) / w2[i] - c[i];
      const double phi = 0.5 * (w1[i] + w2[i]) + eps_ * norm;
      h_[i] = a[i] + c[i] - phi + ca + cc;
      tmp_[i] = ca - cc - coupling[i] * h_[i];
      to_n += h_[i] / (1 + A_[i] + B_[i]) + coupling[i] * drift[i];
      to_b += tmp_[i];
      // Kept until `direction`: the constant part of the multipliers' change.
      da[i] = ca;
      dc[i] = cc;
    }
    transposed(tmp_, -1, 1, r_t);
    r_n -= eps_ * to_n;
    r_b -= to_b;
  }

  // dr: change of the residuals.
  void direction(const Vector& dr, double dn) {
    for (int i = 0; i < rows_.count; ++i) {
      const double scale = 1 / (1 + A_[i] + B_[i]), rest = h_[i] - eps_ * dn;
      dw1[i] = (rest - (1 + 2 * B_[i]) * dr[i]) * scale;
      dw2[i] = (rest + (1 + 2 * A_[i]) * dr[i]) * scale;
      da[i] -= A_[i] * dw1[i];
      dc[i] -= B_[i] * dw2[i];
    }
  }

  double longest(double limit) const {
    limit = longest_step(w1, dw1, limit);
    limit = longest_step(w2, dw2, limit);
    limit = longest_step(a, da, limit);
    return longest_step(c, dc, limit);
  }

  double complementarity(double step) const {
    double sum = 0;
    for (int i = 0; i < rows_.count; ++i) {
      sum +=
          (w1[i] + step * dw1[i]) * (a[i] + step * da[i]) + (w2[i] + step * dw2[i]) * (c[i] + step * dc[i]);
    }
    return sum;
  }

  void advance(double step) {
    for (int i = 0; i < rows_.count; ++i) {
      w1[i] += step * dw1[i];
      w2[i] += step * dw2[i];
      a[i] += step * da[i];
      c[i] += step * dc[i];
    }
  }

  // out = scale X'v + keep out
  void transposed(const Vector& v, double scale, double keep, Vector& out) const {
    if (rows_.count > 0) blas::gemv('N', d_, rows_.count, scale, rows_.x, d_, v.data(), keep, out.data());
  }

  Vector weight, coupling, alpha, beta;
  Vector drift;  // X t + b - y less what the slacks say it is: rounding, taken back in every step
  double coupling_sum = 0, kappa = 0;

 private:
  void times(const Vector& t, Vector& out) const {
    if (rows_.count > 0) blas::gemv('T', d_, rows_.count, 1, rows_.x, d_, t.data(), 0, out.data());
  }

  InequalityRows rows_;
  int d_;
  double eps_;
  Vector w1, w2, a, c, dw1, dw2, da, dc, A_, B_, h_, tmp_;
};

}  // namespace

InteriorResult interior_point(Attack attack, double eps, int d, bool intercept,
                              const InequalityRows& inequality, SmoothModel* smooth, const Point& start,
                              const InteriorOptions& options) {
  Rows rows(inequality, d, eps);
  const std::unique_ptr<NormCone> cone = make_cone(attack, d, inequality.count);
  Point point = start;
  SmoothPart part;
  double norm = weight_norm(attack, point.t.data(), d);
  const int degree = 2 * inequality.count + cone->degree();
  const double mu = options.products / degree;
  for (int k = 0; k < 3; ++k) {  // N, lambda and the rows' slacks depend on each other
    double lambda = eps * rows.start(point, norm, mu, options.alpha);
    if (smooth != nullptr) {
      smooth->evaluate(point, norm, part);
      lambda += part.gradient_n;
    }
    norm = cone->start(point.t, lambda, mu);
  }
  rows.start(point, norm, mu, options.alpha);

  BorderedSystem system(d, options.by_columns);
  ConeTerms terms{Vector(d), Vector(d), Vector(d)};
  Vector g(d), r_t(d), dual(d), dr(inequality.count), borders;
  InteriorResult best;
  best.point = best.rounded = start;
  best.alpha = best.beta = Vector(inequality.count, 0.0);  // a dual point that proves nothing
  double best_merit = HUGE_VAL;
  int stalled = 0, iteration = 0;
  bool asked = false;
  int careful = 0;
  for (;; ++iteration) {
    double row_residual = 0, twice_value = 0;
    double pull = eps * rows.prepare(point, norm, row_residual, twice_value);
    std::fill(g.begin(), g.end(), 0.0);
    double g_b = 0;
    if (smooth != nullptr) {
      smooth->evaluate(point, norm, part);
      pull += part.gradient_n;
      twice_value += 2 * part.value;
      g = part.gradient;
      g_b = part.gradient_b;
    }
    rows.transposed(rows.alpha, 1, 1, g);
    for (const double v : rows.alpha) g_b += v;

    // How far from optimal: products, plus what the dual residual can hide.
    dual = g;
    cone->add_multiplier(dual);
    const double products = rows.complementarity(0) + cone->complementarity(0);
    double merit = (products + row_residual) / twice_value + 2 * attack_norm(attack, dual.data(), d) / pull;
    if (intercept) merit += std::fabs(g_b) / std::sqrt(twice_value * std::max(1, inequality.count));
    if (!(merit < best_merit)) {
      if ((++stalled >= 2 && best_merit < 1e-7) || products < 0.1 * options.tol * twice_value ||
          stalled > 30 || !(merit < HUGE_VAL))
        break;
    } else {
      stalled = 0;
      best_merit = merit;
      best.point = best.rounded = point;
      cone->round(best.rounded.t);
      best.product = products / degree;
      best.norm = norm;
      best.alpha = rows.alpha;
      best.beta = rows.beta;
    }
    if (!asked && merit < 1e-3 && options.proceed) {
      asked = true;
      if (!options.proceed(point)) break;
    }
    if (merit <= options.tol || iteration >= options.max_iter) break;

    terms.border_n.assign(d, 0.0);
    rows.transposed(rows.coupling, eps, 0, terms.border_n);
    double nn = rows.kappa;
    if (smooth != nullptr) {
      for (int j = 0; j < d; ++j) terms.border_n[j] += part.cross[j];
      nn += part.kappa;
    }
    cone->terms(terms);
    nn += terms.nn;
    // Borders: N, the cone's own scalar, the intercept, the rank-one part of f.
    const int own = cone->has_own() ? 1 : 0, at_b = 1 + own, at_q = at_b + (intercept ? 1 : 0);
    const int m = at_q + (smooth != nullptr && part.deflate > 0 ? 1 : 0);
    borders.assign(static_cast<size_t>(m) * d, 0.0);
    double corner[kMaxBorders * kMaxBorders] = {};
    std::copy(terms.border_n.begin(), terms.border_n.end(), borders.begin());
    corner[0] = nn;
    if (own) {
      std::copy(terms.own.begin(), terms.own.end(), borders.begin() + d);
      corner[1] = corner[m] = terms.n_own;
      corner[m + 1] = terms.own_own;
    }
    if (intercept) {
      double cross = eps * rows.coupling_sum;
      if (smooth != nullptr) {
        std::copy(part.ones.begin(), part.ones.end(), borders.begin() + static_cast<size_t>(at_b) * d);
        cross += part.cross_b;
        corner[at_b * m + at_b] = part.ones_b;
      }
      corner[at_b] = corner[at_b * m] = cross;
    }
    if (m > at_q) {
      std::copy(part.q.begin(), part.q.end(), borders.begin() + static_cast<size_t>(at_q) * d);
      corner[at_q * m + at_q] = 1 / part.deflate;
    }
    if (!system.factor(smooth != nullptr ? part.base : nullptr, part.curvature, inequality.x,
                       rows.weight.data(), inequality.count, terms.e.data())) {
      break;
    }
    system.border(m, borders.data(), corner, intercept ? at_b : -1);

    const int passes = system.by_rows()                                                                ? 2
                       : products < 1e-5 * twice_value && (smooth == nullptr || attack == Attack::kL2) ? 1
                                                                                                       : 0;
    const double mean = products / degree;
    double target = 0, db = 0, dn = 0, step = 0;
    // Mehrotra's corrector may cycle; where nothing improves, plain centred steps are taken for a while.
    if (stalled >= 4) careful = 8;
    const bool second_order = --careful < 0;
    for (const bool correct : {false, true}) {
      for (int j = 0; j < d; ++j) r_t[j] = -g[j];
      double rb[kMaxBorders] = {}, r_b = -g_b;
      cone->right_side(target, correct && second_order, pull, r_t, rb[0], rb[1]);
      rows.right_side(target, correct && second_order, norm, r_t, rb[0], r_b);
      if (intercept) rb[at_b] = r_b;
      if (m > at_q) rb[at_q] = 0;
      system.solve(r_t.data(), rb, rows.drift.data(), dr.data(), passes);
      dn = rb[0];
      db = intercept ? rb[at_b] : 0;
      cone->direction(r_t, dn, own ? rb[1] : 0);
      rows.direction(dr, dn);
      step = cone->longest(rows.longest(1 / 0.995));
      if (!correct) {
        const double affine = std::min(1.0, step);
        const double after = (rows.complementarity(affine) + cone->complementarity(affine)) / degree;
        const double ratio = std::max(0.0, after / mean);
        target = std::max(ratio * ratio * ratio, second_order ? 0.0 : 0.2) * mean;
      }
    }
    step = std::min(1.0, 0.995 * step);
    for (int j = 0; j < d; ++j) point.t[j] += step * r_t[j];
    point.b += step * db;
    rows.advance(step);
    cone->advance(step);
    norm = cone->norm(norm + step * dn);
  }
  best.iterations = iteration;
  best.merit = best_merit;
  return best;
}

}  // namespace advspur::theory
