#include "theory/cholesky_ridge.h"

#include <algorithm>
#include <cmath>

#include "theory/dense.h"
#include "theory/eigen.h"
#include "theory/ridge_path.h"
#include "theory/scalar_solve.h"

namespace advspur::theory {
namespace {
constexpr int64_t kLanczos = 24;
}

bool CholeskyRidge::worth(const Gaussian& problem) {
  return problem.d >= 400 && problem.noise_variance > 0;
}

double CholeskyRidge::guess(const Gaussian& problem, double critical, double eps) {
  const int64_t d = problem.d, steps = std::min(kLanczos, d);
  std::vector<double> basis(static_cast<size_t>(steps * d)), small(static_cast<size_t>(steps * steps), 0.0),
      w(d);
  const double length = std::sqrt(dense::dot(d, problem.theta, problem.theta));
  for (int64_t j = 0; j < d; ++j) basis[j] = problem.theta[j] / length;
  int64_t made = 0;
  for (double off = 0; made < steps; ++made) {
    const double* q = basis.data() + made * d;
    dense::row_dots(d, d, problem.cov, d, q, w.data());
    for (int pass = 0; pass < 2; ++pass) {  // orthogonal to all before, twice: no ghosts
      for (int64_t k = 0; k <= made; ++k) {
        const double share = dense::dot(d, basis.data() + k * d, w.data());
        dense::axpy(d, -share, basis.data() + k * d, w.data());
        if (k == made) small[made * steps + made] += share;
      }
    }
    off = std::sqrt(dense::dot(d, w.data(), w.data()));
    if (made + 1 == steps || !(off > 1e-12 * small[0])) {
      ++made;
      break;
    }
    small[made * steps + made + 1] = small[(made + 1) * steps + made] = off;
    for (int64_t j = 0; j < d; ++j) basis[(made + 1) * d + j] = w[j] / off;
  }
  std::vector<double> corner(static_cast<size_t>(made * made)), rows;
  for (int64_t i = 0; i < made; ++i) std::copy_n(small.data() + i * steps, made, corner.data() + i * made);
  Measure measure;
  const int64_t rank = eigen_factor(made, corner.data(), rows, measure.value);
  measure.value.resize(static_cast<size_t>(rank));
  for (int64_t k = 0; k < rank; ++k) {
    const double first = rows[k * made] * length;  // sqrt(value) times the coordinate of theta*
    measure.weight2.push_back(measure.value[k] * first * first);
  }
  RidgeScalar scalar;
  scalar.reset(measure, problem.noise_variance, critical, 0.0);
  double log_mu = scalar.start();
  return scalar.solve(eps, log_mu);
}

bool CholeskyRidge::solve(const Gaussian& problem, double critical, double eps, double* theta,
                          double* error) {
  const int64_t d = problem.d;
  std::vector<double> f(static_cast<size_t>(d)), pull(f);
  factor_.resize(static_cast<size_t>(d * d));
  double mu = guess(problem, critical, eps), factored = 0;
  for (int step = 0; step < 30 && mu > 0 && std::isfinite(mu); ++step) {
    if (std::abs(mu - factored) > 0.05 * factored) {
      std::copy_n(problem.cov, d * d, factor_.data());
      for (int64_t j = 0; j < d; ++j) factor_[j * d + j] += mu;
      // not BLAS: its threads wait for each other by spinning, which stalls for seconds where cores are
      // shared
      if (dense::cholesky(d, factor_.data(), d) != 0) return false;
      factored = mu;
    }
    // theta = (cov + mu)^-1 b; the factor belongs to a mu near by, so its solution is corrected until it
    // stands
    std::copy_n(problem.b, d, theta);
    dense::solve_cholesky(d, factor_.data(), d, theta);
    double last = HUGE_VAL;
    for (int pass = 0; pass < 12; ++pass) {
      dense::row_dots(d, d, problem.cov, d, theta, pull.data());
      for (int64_t j = 0; j < d; ++j) f[j] = problem.b[j] - mu * theta[j] - pull[j];
      dense::solve_cholesky(d, factor_.data(), d, f.data());
      const double change = std::sqrt(dense::dot(d, f.data(), f.data()) / dense::dot(d, theta, theta));
      if (!(change < 0.5 * last)) break;
      dense::axpy(d, 1.0, f.data(), theta);
      if (change < 1e-15) break;
      last = change;
    }
    for (int64_t j = 0; j < d; ++j) error[j] = theta[j] - problem.theta[j];
    dense::row_dots(d, d, problem.cov, d, error, pull.data());
    std::copy_n(theta, d, f.data());
    dense::solve_cholesky(d, factor_.data(), d, f.data());
    const double norm2 = dense::dot(d, theta, theta), bend = dense::dot(d, theta, f.data());
    const double norm = std::sqrt(norm2), s2 = problem.noise_variance + dense::dot(d, error, pull.data());
    const double s = std::sqrt(s2), at = radius(mu * norm, s, norm), ds = mu * bend / s, dn = -bend / norm;
    const double f_mu = (ds * norm + s * dn) * at * at + kC * (4 * mu * bend - norm2) * at -
                        (norm * s + mu * dn * s + mu * norm * ds);
    const double slope = -mu * f_mu / (2 * s * norm * at + kC * (s2 - mu * norm2));  // d E / d log mu
    const double change = std::log(eps / at) * at / slope;
    if (!std::isfinite(change)) return false;
    if (std::abs(change) < 1e-12) return true;
    mu *= std::exp(std::clamp(change, -2.0, 2.0));
  }
  return false;
}

}  // namespace advspur::theory
