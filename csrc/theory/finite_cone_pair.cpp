// q = 1 and q = inf: bounds -v_j <= t_j <= v_j with a slack and a multiplier on either side.
#include <algorithm>
#include <cmath>

#include "theory/finite_cone.h"
#include "theory/finite_cone_kinds.h"

namespace advspur::theory {

double longest_step(const Vector& w, const Vector& dw, double limit) {
  for (size_t i = 0; i < w.size(); ++i) {
    if (dw[i] * limit < -w[i]) limit = -w[i] / dw[i];
  }
  return limit;
}

namespace {

class PairCone : public NormCone {
 public:
  explicit PairCone(int d) {
    for (Vector* v : {&low_, &high_, &p_, &m_, &cp_, &cm_, &dlow_, &dhigh_, &dp_, &dm_}) v->assign(d, 0.0);
  }
  int degree() const override { return 2 * static_cast<int>(low_.size()); }
  double longest(double limit) const override {
    limit = longest_step(low_, dlow_, limit);
    limit = longest_step(high_, dhigh_, limit);
    limit = longest_step(p_, dp_, limit);
    return longest_step(m_, dm_, limit);
  }
  double complementarity(double step) const override {
    double sum = 0;
    for (size_t j = 0; j < low_.size(); ++j) {
      sum += (low_[j] + step * dlow_[j]) * (p_[j] + step * dp_[j]) +
             (high_[j] + step * dhigh_[j]) * (m_[j] + step * dm_[j]);
    }
    return sum;
  }
  void advance(double step) override {
    for (size_t j = 0; j < low_.size(); ++j) {
      low_[j] += step * dlow_[j];
      high_[j] += step * dhigh_[j];
      p_[j] += step * dp_[j];
      m_[j] += step * dm_[j];
    }
  }
  void add_multiplier(Vector& g) const override {
    for (size_t j = 0; j < low_.size(); ++j) g[j] += p_[j] - m_[j];
  }

 protected:
  void aim(double target, bool correct) {
    for (size_t j = 0; j < low_.size(); ++j) {
      const double second = correct ? 1 : 0;
      cp_[j] = (target - second * dp_[j] * dlow_[j]) / low_[j] - p_[j];
      cm_[j] = (target - second * dm_[j] * dhigh_[j]) / high_[j] - m_[j];
    }
  }
  void multipliers() {
    for (size_t j = 0; j < low_.size(); ++j) {
      dp_[j] = cp_[j] - p_[j] / low_[j] * dlow_[j];
      dm_[j] = cm_[j] - m_[j] / high_[j] * dhigh_[j];
    }
  }
  Vector low_, high_;  // v - t, v + t
  Vector p_, m_;       // their multipliers
  Vector cp_, cm_, dlow_, dhigh_, dp_, dm_;
};

// q = inf: v_j = N for all j; the multipliers sum to df/dN.
class BoxCone final : public PairCone {
 public:
  using PairCone::PairCone;
  bool has_own() const override { return false; }

  double start(const Vector& t, double lambda, double mu) override {
    double top = 0;
    for (const double v : t) top = std::max(top, std::fabs(v));
    // The distance h = N - max|t| solves sum mu/(N-t) + mu/(N+t) = lambda, between mu/lambda and 2 d
    // mu/lambda.
    double lo = std::log(mu / lambda), hi = lo + std::log(2.0 * t.size());
    for (int k = 0; k < 40; ++k) {
      const double mid = 0.5 * (lo + hi), h = std::exp(mid);
      double sum = 0;
      for (const double v : t) sum += mu / (h + (top - v)) + mu / (h + (top + v));
      (sum > lambda ? lo : hi) = mid;
    }
    const double h = std::exp(0.5 * (lo + hi));
    for (size_t j = 0; j < t.size(); ++j) {
      low_[j] = h + (top - t[j]);
      high_[j] = h + (top + t[j]);
      p_[j] = mu / low_[j];
      m_[j] = mu / high_[j];
    }
    return top + h;
  }

  void terms(ConeTerms& terms) override {
    terms.nn = 0;
    for (size_t j = 0; j < low_.size(); ++j) {
      const double P = p_[j] / low_[j], M = m_[j] / high_[j];
      terms.e[j] = P + M;
      terms.border_n[j] -= P - M;
      terms.nn += P + M;
    }
  }

  void right_side(double target, bool correct, double pull, Vector& r_t, double& r_n,
                  double& r_own) override {
    aim(target, correct);
    r_n = -pull;
    r_own = 0;
    for (size_t j = 0; j < low_.size(); ++j) {
      r_t[j] -= p_[j] - m_[j] + (cp_[j] - cm_[j]);
      r_n += p_[j] + m_[j] + (cp_[j] + cm_[j]);
    }
  }

  void direction(const Vector& dt, double dn, double) override {
    for (size_t j = 0; j < low_.size(); ++j) {
      dlow_[j] = dn - dt[j];
      dhigh_[j] = dn + dt[j];
    }
    multipliers();
  }

  void round(Vector& t) const override {
    double top = 0, share = 0, weight = 0;
    for (size_t j = 0; j < t.size(); ++j) top = std::max(top, std::fabs(t[j]));
    // One common bound: the average of the bound weights, weighted by their multipliers.
    for (size_t j = 0; j < t.size(); ++j) {
      if (!bound(t[j], j, top)) continue;
      share += (p_[j] + m_[j]) * std::fabs(t[j]);
      weight += p_[j] + m_[j];
    }
    if (weight == 0) return;
    for (size_t j = 0; j < t.size(); ++j) {
      if (bound(t[j], j, top)) t[j] = std::copysign(share / weight, t[j]);
    }
  }

 private:
  bool bound(double t, size_t j, double top) const {
    return std::fabs(t) >= top * (1 - 1e-4) &&
           std::max(p_[j] * high_[j], m_[j] * low_[j]) > 1e3 * std::min(low_[j] * p_[j], high_[j] * m_[j]) &&
           std::max(p_[j] / low_[j], m_[j] / high_[j]) * top > 1e3 * std::max(p_[j], m_[j]);
  }
};

// q = 1: N = sum v; p_j + m_j = df/dN for every j. The own scalar is the change of df/dN.
class SumCone final : public PairCone {
 public:
  explicit SumCone(int d) : PairCone(d), h_(d, 0.0) {}
  bool has_own() const override { return true; }

  double start(const Vector& t, double lambda, double mu) override {
    const double s = mu / lambda;
    double total = 0;
    for (size_t j = 0; j < t.size(); ++j) {
      const double v = s + std::sqrt(s * s + t[j] * t[j]), size = std::fabs(t[j]);
      const double wide = v + size, narrow = 2 * v * s / wide;  // narrow = v - |t| without cancellation
      low_[j] = t[j] >= 0 ? narrow : wide;
      high_[j] = t[j] >= 0 ? wide : narrow;
      p_[j] = mu / low_[j];
      m_[j] = mu / high_[j];
      total += v;
    }
    return total;
  }

  void terms(ConeTerms& terms) override {
    terms.nn = 0;
    terms.n_own = -1;
    terms.own_own = 0;
    for (size_t j = 0; j < low_.size(); ++j) {
      const double P = p_[j] / low_[j], M = m_[j] / high_[j];
      terms.e[j] = 4 * P * M / (P + M);
      terms.own[j] = (P - M) / (P + M);
      terms.own_own -= 1 / (P + M);
    }
  }

  void right_side(double target, bool correct, double pull, Vector& r_t, double& r_n,
                  double& r_own) override {
    aim(target, correct);
    r_n = 0;
    r_own = 0;
    for (size_t j = 0; j < low_.size(); ++j) {
      const double P = p_[j] / low_[j], M = m_[j] / high_[j];
      h_[j] = p_[j] + m_[j] - pull + cp_[j] + cm_[j];
      r_t[j] -= p_[j] - m_[j] + (cp_[j] - cm_[j]) - (P - M) / (P + M) * h_[j];
      r_own -= h_[j] / (P + M);
    }
  }

  void direction(const Vector& dt, double, double own) override {
    for (size_t j = 0; j < low_.size(); ++j) {
      const double P = p_[j] / low_[j], M = m_[j] / high_[j];
      dlow_[j] = (-2 * M * dt[j] - own + h_[j]) / (P + M);
      dhigh_[j] = (2 * P * dt[j] - own + h_[j]) / (P + M);
    }
    multipliers();
  }

  double norm(double) const override {
    double sum = 0;
    for (size_t j = 0; j < low_.size(); ++j) sum += 0.5 * (low_[j] + high_[j]);
    return sum;
  }

  void round(Vector& t) const override {
    double top = 0;
    for (const double v : t) top = std::max(top, std::fabs(v));
    for (size_t j = 0; j < t.size(); ++j) {
      // A zero weight has both slacks near 0 and both multipliers away from it; a non-zero one has one of
      // each.
      const double v = 0.5 * (low_[j] + high_[j]);
      if (v < 1e-4 * top && std::min(p_[j], m_[j]) * top > 1e3 * v * std::max(p_[j], m_[j])) t[j] = 0;
    }
  }

 private:
  Vector h_;
};

}  // namespace

std::unique_ptr<NormCone> make_box_cone(int d) {
  return std::make_unique<BoxCone>(d);
}
std::unique_ptr<NormCone> make_sum_cone(int d) {
  return std::make_unique<SumCone>(d);
}

}  // namespace advspur::theory
