#include "theory/polish.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "theory/certificate.h"
#include "theory/dense.h"
#include "theory/scalar_solve.h"
#include "theory/twofold.h"

namespace advspur::theory {
namespace {

template <class Real>
struct Solver {
  const Gaussian& p;
  const int64_t d;
  std::vector<Real> factor;
  std::vector<uint8_t> dropped;

  explicit Solver(const Gaussian& problem) : p(problem), d(problem.d) {}

  std::vector<Real> times_cov(const std::vector<Real>& x) const {
    std::vector<Real> y(static_cast<size_t>(d), Real(0));
    for (int64_t k = 0; k < d; ++k) {
      if (x[k] == 0) continue;
      const double* row = p.cov + k * d;
      for (int64_t j = 0; j < d; ++j) y[j] += x[k] * row[j];
    }
    return y;
  }

  // Cholesky of factor (n, n) in place; columns that depend on earlier ones are left out.
  void factorise(int64_t n, Real floor) {
    dropped.assign(static_cast<size_t>(n), 0);
    if constexpr (sizeof(Real) == sizeof(double)) {
      std::vector<double> blocked(factor.begin(), factor.end());
      if (dense::cholesky(n, blocked.data(), n, floor) == 0) {
        factor.swap(blocked);
        return;
      }
    }
    for (int64_t i = 0; i < n; ++i) {
      Real* row = factor.data() + i * n;
      for (int64_t j = 0; j < i; ++j) {
        const Real* other = factor.data() + j * n;
        Real sum = row[j];
        for (int64_t k = 0; k < j; ++k) sum -= row[k] * other[k];
        row[j] = dropped[j] ? Real(0) : sum / other[j];
      }
      Real pivot = row[i];
      for (int64_t k = 0; k < i; ++k) pivot -= row[k] * row[k];
      if (!(pivot > floor * row[i])) {
        dropped[i] = 1;
        std::fill(row, row + i, Real(0));
        row[i] = 1;
      } else {
        row[i] = root(pivot);
      }
    }
  }

  void solve(int64_t n, std::vector<Real>& x) const {
    for (int64_t i = 0; i < n; ++i) {
      Real sum = x[i];
      for (int64_t k = 0; k < i; ++k) sum -= factor[i * n + k] * x[k];
      x[i] = dropped[i] ? Real(0) : sum / factor[i * n + i];
    }
    for (int64_t i = n; i-- > 0;) {
      x[i] = dropped[i] ? Real(0) : x[i] / factor[i * n + i];
      for (int64_t k = 0; k < i; ++k) x[k] -= factor[i * n + k] * x[i];
    }
  }

  Real dot(const std::vector<Real>& x, const std::vector<Real>& y) const {
    Real sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
    return sum;
  }

  void finish(const std::vector<Real>& error, const std::vector<double>& theta, Candidate& out) const {
    const std::vector<Real> pull = times_cov(error);
    out.theta = theta;
    out.mismatch = 0;
    const double unit = std::is_same_v<Real, Twofold> ? 0x1p-100 : 0x1p-63;
    out.unit = std::is_same_v<Real, double> ? sum_unit(d) : unit * static_cast<double>(d + 8);
    out.pull.resize(pull.size());
    out.explained = std::max(0.0, static_cast<double>(dot(error, pull)));
    out.error.resize(error.size());
    for (int64_t j = 0; j < d; ++j) {
      const double missed = static_cast<double>(Real(theta[j]) - p.theta[j] - error[j]);
      out.mismatch += std::max(0.0, std::abs(missed) - 1.2e-16 * std::abs(theta[j]));
      out.pull[j] = static_cast<double>(pull[j]), out.error[j] = static_cast<double>(error[j]);
    }
  }

  bool face(Attack attack, double eps, const double* guess, Candidate& out) {
    // coordinates y with t = M y: the weights that move alone and, for kL1, the common size of the others
    const bool spread = attack == Attack::kL1;
    double top = 0;
    for (int64_t j = 0; j < d; ++j) top = std::max(top, std::abs(guess[j]));
    if (top == 0) return false;
    std::vector<int64_t> alone;
    std::vector<Real> bound(static_cast<size_t>(d), Real(0));
    for (int64_t j = 0; j < d; ++j) {
      if (spread && std::abs(guess[j]) == top) {
        bound[j] = guess[j] > 0 ? 1 : -1;
      } else if (spread || guess[j] != 0) {
        alone.push_back(j);
      }
    }
    const auto first = static_cast<int64_t>(spread), n = first + static_cast<int64_t>(alone.size());
    factor.assign(static_cast<size_t>(n * n), Real(0));
    std::vector<Real> slope(static_cast<size_t>(n), Real(0)), y(slope);
    if (spread) {
      const std::vector<Real> column = times_cov(bound);
      factor[0] = dot(bound, column);
      for (int64_t a = 1; a < n; ++a) factor[a * n] = column[alone[a - 1]];
      slope[0] = 1;
      y[0] = top;
    }
    for (int64_t a = first; a < n; ++a) {
      for (int64_t b = first; b <= a; ++b) factor[a * n + b] = p.cov[alone[a - first] * d + alone[b - first]];
      if (!spread) slope[a] = guess[alone[a]] > 0 ? 1 : -1;
      y[a] = p.theta[alone[a - first]];
    }
    factorise(n, sizeof(Real) > 8 ? Real(1e-16) : Real(1e-13));
    const auto expand = [&](const std::vector<Real>& x) {
      std::vector<Real> t(static_cast<size_t>(d), Real(0));
      for (int64_t j = 0; spread && j < d; ++j) t[j] = bound[j] * x[0];
      for (int64_t a = first; a < n; ++a) t[alone[a - first]] = x[a];
      return t;
    };
    const auto restrict_ = [&](const std::vector<Real>& x) {
      std::vector<Real> r(static_cast<size_t>(n));
      if (spread) r[0] = dot(bound, x);
      for (int64_t a = first; a < n; ++a) r[a] = x[alone[a - first]];
      return r;
    };
    // the best of the face at lambda = 0, as theta* + error, by two corrections of y
    std::vector<Real> error = expand(y);
    for (int64_t j = 0; j < d; ++j) error[j] -= p.theta[j];
    for (int step = 0; step < 2; ++step) {
      std::vector<Real> change = restrict_(times_cov(error));
      solve(n, change);
      for (int64_t a = 0; a < n; ++a) y[a] -= change[a];
      const std::vector<Real> moved = expand(change);
      for (int64_t j = 0; j < d; ++j) error[j] -= moved[j];
    }
    std::vector<Real> v(slope);
    solve(n, v);
    const std::vector<Real> residual = times_cov(error);
    Face line;
    line.nu = static_cast<double>(dot(slope, y));
    line.tau = static_cast<double>(dot(slope, v));
    const Real unexplained = dot(error, residual);
    line.kappa = p.noise_variance + (unexplained > 0 ? static_cast<double>(unexplained) : 0.0);
    if (!(line.nu > 0) || !(line.tau > 0)) return false;
    const double high = line.nu / line.tau;
    const double lambda = solve_multiplier(line, eps, 0.0, high, 0.5 * high);
    const std::vector<Real> direction = expand(v), gradient = times_cov(direction);
    out.direction.resize(static_cast<size_t>(d)), out.gradient.resize(static_cast<size_t>(d)),
        out.tau = line.tau;
    for (int64_t j = 0; j < d; ++j) {
      out.direction[j] = static_cast<double>(direction[j]),
      out.gradient[j] = static_cast<double>(gradient[j]);
    }
    out.reached = 0;
    for (int64_t j = 0; j < d; ++j) out.reached += p.theta[j] * out.gradient[j];
    std::vector<double> theta(static_cast<size_t>(d), 0.0);
    const Real size = spread ? y[0] - lambda * v[0] : Real(0);
    for (int64_t j = 0; j < d; ++j) {
      error[j] -= lambda * direction[j];
      if (bound[j] != 0) theta[j] = static_cast<double>(bound[j] * size);
    }
    for (const int64_t j : alone) {
      theta[j] = static_cast<double>(p.theta[j] + error[j]);
      if (spread)
        theta[j] =
            std::clamp(theta[j], -std::abs(static_cast<double>(size)), std::abs(static_cast<double>(size)));
    }
    finish(error, theta, out);
    return true;
  }

  // (cov + mu) error = -mu theta*, with mu by Newton's method on log E(mu).
  bool ridge(double eps, const double* guess, double mu, Candidate& out) {
    double n2 = 0, along = 0;
    for (int64_t j = 0; j < d; ++j) n2 += guess[j] * guess[j];
    std::vector<Real> error(static_cast<size_t>(d));
    for (int64_t j = 0; j < d; ++j) error[j] = Real(guess[j]) - p.theta[j];
    const std::vector<Real> start = times_cov(error);
    for (int64_t j = 0; j < d; ++j) along -= static_cast<double>(start[j]) * guess[j];
    if (!(mu > 0)) mu = n2 > 0 ? along / n2 : 0;
    const std::vector<Real> b = times_cov(std::vector<Real>(p.theta, p.theta + d));
    std::vector<double> theta(static_cast<size_t>(d));
    for (int step = 0; step < 20 && mu > 0 && std::isfinite(mu); ++step) {
      factor.assign(p.cov, p.cov + d * d);
      for (int64_t j = 0; j < d; ++j) factor[j * d + j] += mu;
      factorise(d, Real(0));
      for (int64_t j = 0; j < d; ++j) error[j] = -Real(mu) * p.theta[j];
      solve(d, error);
      std::vector<Real> t(b);  // on its own: theta* + error would cancel where t is small
      solve(d, t);
      std::vector<Real> f(t);
      solve(d, f);
      const Real norm2 = dot(t, t), bend = dot(t, f),
                 spread2 = p.noise_variance + dot(error, times_cov(error));
      const Real n = root(norm2), s = root(spread2), dn = -bend / n, ds = mu * bend / s;
      const double at = radius(static_cast<double>(mu * n), static_cast<double>(s), static_cast<double>(n));
      const double f_mu =
          static_cast<double>((ds * n + s * dn) * at * at + kC * (4 * mu * bend - norm2) * at -
                              (n * s + mu * dn * s + mu * n * ds));
      const double f_e = static_cast<double>(2 * s * n * at + kC * (spread2 - mu * norm2));
      for (int64_t j = 0; j < d; ++j) theta[j] = static_cast<double>(t[j]);
      const double change = std::log(eps / at) / (-mu * f_mu / f_e / at);
      if (!std::isfinite(change)) return false;
      if (std::abs(change) < 1e-13 || step == 19) break;
      mu *= std::exp(std::clamp(change, -3.0, 3.0));
    }
    if (!(mu > 0)) return false;
    finish(error, theta, out);
    return true;
  }
};

template <class Real>
bool run(Attack attack, const Gaussian& problem, double eps, const double* theta, double mu, Candidate& out) {
  Solver<Real> solver(problem);
  return attack == Attack::kL2 ? solver.ridge(eps, theta, mu, out) : solver.face(attack, eps, theta, out);
}

}  // namespace

void weigh(const Gaussian& problem, const std::vector<Twofold>& error, const std::vector<double>& theta,
           Candidate& out) {
  Solver<Twofold>(problem).finish(error, theta, out);
}

void lean_plain(const Gaussian& problem, const std::vector<double>& v, Candidate& out) {
  out.direction = v;
  out.line_unit = sum_unit(problem.d);
  out.gradient.assign(v.size(), 0.0);
  dense::add_rows(problem.d, problem.d, v.data(), problem.cov, problem.d, out.gradient.data());
  out.tau = dense::dot(problem.d, v.data(), out.gradient.data());
  out.reached = dense::dot(problem.d, problem.theta, out.gradient.data());
}

void lean(const Gaussian& problem, const std::vector<Twofold>& v, Candidate& out) {
  const Solver<Twofold> solver(problem);
  const std::vector<Twofold> gradient = solver.times_cov(v);
  const std::vector<Twofold> truth(problem.theta, problem.theta + problem.d);
  out.tau = solver.dot(v, gradient).high;
  out.reached = solver.dot(truth, gradient).high;
  out.line_unit = 0x1p-100 * static_cast<double>(problem.d + 8);
  out.direction.resize(v.size()), out.gradient.resize(v.size());
  for (size_t j = 0; j < v.size(); ++j) out.direction[j] = v[j].high, out.gradient[j] = gradient[j].high;
}

bool ridge_end(const Gaussian& problem, Candidate& out) {
  Solver<Twofold> solver(problem);
  solver.factor.assign(problem.cov, problem.cov + problem.d * problem.d);
  solver.factorise(problem.d, 1e-22);
  for (const uint8_t dropped : solver.dropped) {
    if (dropped) return false;
  }
  std::vector<Twofold> v(problem.theta, problem.theta + problem.d);
  const Twofold n = root(solver.dot(v, v));
  for (Twofold& x : v) x /= n;
  solver.solve(problem.d, v);
  const std::vector<double> theta(problem.theta, problem.theta + problem.d);
  weigh(problem, std::vector<Twofold>(v.size()), theta, out);
  lean(problem, v, out);
  return true;
}

bool polish(Attack attack, const Gaussian& problem, double eps, const double* theta, double mu,
            Candidate& out) {
  if (problem.d <= kTwofold) return run<Twofold>(attack, problem, eps, theta, mu, out);
  return problem.d <= kExtended ? run<long double>(attack, problem, eps, theta, mu, out)
                                : run<double>(attack, problem, eps, theta, mu, out);
}

}  // namespace advspur::theory
