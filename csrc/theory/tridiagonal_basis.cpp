#include <algorithm>
#include <cmath>

#include "theory/blas.h"
#include "theory/dense.h"
#include "theory/ridge_basis.h"
#include "theory/tridiagonal.h"
#include "theory/wide.h"

namespace advspur::theory {
namespace {

constexpr double kConditioned = 1e-9;  // least eigenvalue over the largest

}  // namespace

bool first_components(int64_t n, double* d, double* e, double* z) {
  std::fill_n(z, n, 0.0);
  z[0] = 1;
  for (int64_t l = 0; l < n; ++l) {
    for (int step = 0;; ++step) {
      int64_t m = l;
      while (m + 1 < n && std::abs(e[m]) > 1.1e-16 * (std::abs(d[m]) + std::abs(d[m + 1]))) ++m;
      if (m == l) break;
      if (step == 60) return false;
      double g = (d[l + 1] - d[l]) / (2 * e[l]);
      g = d[m] - d[l] + e[l] / (g + std::copysign(std::sqrt(g * g + 1), g));
      double s = 1, c = 1, p = 0;
      int64_t i = m - 1;
      for (; i >= l; --i) {
        const double f = s * e[i], b = c * e[i];
        const double r = std::sqrt(f * f + g * g);
        e[i + 1] = r;
        if (r == 0) break;
        s = f / r, c = g / r;
        g = d[i + 1] - p;
        const double t = (d[i] - g) * s + 2 * c * b;
        p = s * t;
        d[i + 1] = g + p;
        g = c * t - b;
        const double low = z[i], high = z[i + 1];
        z[i + 1] = s * low + c * high;
        z[i] = c * low - s * high;
      }
      if (i >= l) {
        d[i + 1] -= p;
      } else {
        d[l] -= p;
        e[l] = g;
      }
      e[m] = 0;
    }
  }
  return true;
}

void solve_tridiagonal(int64_t n, const double* diagonal, const double* off, double mu, double first,
                       double second, double* pivot, double* x) {
  pivot[0] = diagonal[0] + mu;
  x[0] = first;
  for (int64_t i = 1; i < n; ++i) {
    const double ratio = off[i - 1] / pivot[i - 1];
    pivot[i] = diagonal[i] + mu - ratio * off[i - 1];
    const double y = (i == 1 ? second : 0.0) - ratio * x[i - 1];
    x[i] = std::abs(y) > 1e-290 ? y : 0.0;  // no denormals: they are slow
  }
  x[n - 1] /= pivot[n - 1];
  for (int64_t i = n - 1; i-- > 0;) x[i] = (x[i] - off[i] * x[i + 1]) / pivot[i];
}

namespace {

ADVSPUR_CLONES void solve_eight(int64_t n, const double* diagonal, const double* off, const double* mu,
                                const double* first, const double* second, double* pivot, double* x) {
  const Wide shift = load(mu), none{};
  Wide p = diagonal[0] + shift, y = load(first);
  store(pivot, p), store(x, y);
  for (int64_t i = 1; i < n; ++i) {
    const Wide ratio = off[i - 1] / p;
    p = diagonal[i] + shift - ratio * off[i - 1];
    y = (i == 1 ? load(second) : none) - ratio * y;
    y = (y > 1e-290) | (y < -1e-290) ? y : none;
    store(pivot + i * kWide, p), store(x + i * kWide, y);
  }
  y = y / p;
  store(x + (n - 1) * kWide, y);
  for (int64_t i = n - 1; i-- > 0;) {
    y = (load(x + i * kWide) - off[i] * y) / load(pivot + i * kWide);
    store(x + i * kWide, y);
  }
}

}  // namespace

void solve_tridiagonals(int64_t count, int64_t n, const double* diagonal, const double* off, const double* mu,
                        const double* first, const double* second, double* x) {
  std::vector<double> pivot(static_cast<size_t>(n * kWide)), y(pivot);
  for (int64_t i0 = 0; i0 < count; i0 += kWide) {
    const int64_t many = std::min(kWide, count - i0);
    double block[3][kWide];
    for (int64_t t = 0; t < kWide; ++t) {
      const int64_t i = i0 + std::min(t, many - 1);
      block[0][t] = mu[i], block[1][t] = first[i], block[2][t] = second[i];
    }
    solve_eight(n, diagonal, off, block[0], block[1], block[2], pivot.data(), y.data());
    for (int64_t t = 0; t < many; ++t) {
      for (int64_t k = 0; k < n; ++k) x[(i0 + t) * n + k] = y[k * kWide + t];
    }
  }
}

bool TridiagonalBasis::reset(const Gaussian& problem) {
  const int64_t d = d_ = problem.d;
  const int n = static_cast<int>(d);
  theta_ = problem.theta;
  length_ = std::sqrt(dense::dot(d, theta_, theta_));
  v_.assign(theta_, theta_ + d);
  v_[0] += std::copysign(length_, v_[0]);  // theta* goes to -+ length_ times the first axis
  const double side = theta_[0] < 0 ? 1.0 : -1.0;
  beta_ = 2 / dense::dot(d, v_.data(), v_.data());
  if (!std::isfinite(beta_)) return false;
  // (I - beta v v') cov (I - beta v v') = cov - v q' - q v'
  std::vector<double> q(static_cast<size_t>(d));
  dense::row_dots(d, d, problem.cov, d, v_.data(), q.data());
  for (double& x : q) x *= beta_;
  const double half = 0.5 * beta_ * dense::dot(d, q.data(), v_.data());
  dense::axpy(d, -half, v_.data(), q.data());
  matrix_.assign(problem.cov, problem.cov + d * d);
  for (int64_t i = 0; i < d; ++i) {
    dense::axpy(d, -v_[i], q.data(), matrix_.data() + i * d);
    dense::axpy(d, -q[i], v_.data(), matrix_.data() + i * d);
  }
  diagonal_.resize(static_cast<size_t>(d));
  off_.assign(static_cast<size_t>(d), 0.0);
  tau_.resize(static_cast<size_t>(d));
  if (blas::sytrd('L', n, matrix_.data(), n, diagonal_.data(), off_.data(), tau_.data()) != 0) return false;
  std::vector<double> e(off_), z(static_cast<size_t>(d));
  measure.value = diagonal_;
  if (!first_components(d, measure.value.data(), e.data(), z.data())) return false;
  const auto [least, most] = std::minmax_element(measure.value.begin(), measure.value.end());
  if (!(*least > kConditioned * *most)) return false;
  measure.weight2.resize(static_cast<size_t>(d));
  for (int64_t k = 0; k < d; ++k) {
    const double b = measure.value[k] * z[k] * length_;
    measure.weight2[k] = b * b;
  }
  length_ *= side;
  return true;
}

void TridiagonalBasis::weights(int64_t count, const double* mu, double* theta, double* error) {
  const int n = static_cast<int>(d_);
  std::vector<double> first(static_cast<size_t>(count)), second(first);
  double mean = 0;
  for (const double x : diagonal_) mean += x / static_cast<double>(d_);
  // the smaller of error and theta is solved for, so that neither cancels; `error` holds it for both
  for (int64_t i = 0; i < count; ++i) {
    const bool small = mu[i] < mean;
    first[i] = small ? -mu[i] * length_ : diagonal_[0] * length_;
    second[i] = small ? 0.0 : off_[0] * length_;
  }
  solve_tridiagonals(count, d_, diagonal_.data(), off_.data(), mu, first.data(), second.data(), error);
  blas::ormtr('L', n, static_cast<int>(count), matrix_.data(), n, tau_.data(), error, n);
  for (int64_t i = 0; i < count; ++i) {
    double *row = error + i * d_, *out = theta + i * d_;
    dense::axpy(d_, -beta_ * dense::dot(d_, v_.data(), row), v_.data(), row);
    if (mu[i] < mean) {
      for (int64_t j = 0; j < d_; ++j) out[j] = theta_[j] + row[j];
    } else {
      for (int64_t j = 0; j < d_; ++j) out[j] = row[j], row[j] -= theta_[j];
    }
  }
}

double TridiagonalBasis::inverse_energy() const {
  std::vector<double> pivot(static_cast<size_t>(d_)), x(pivot);
  solve_tridiagonal(d_, diagonal_.data(), off_.data(), 0.0, length_, 0.0, pivot.data(), x.data());
  return x[0] * length_;
}

}  // namespace advspur::theory
