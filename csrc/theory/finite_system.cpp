#include "theory/finite_system.h"

#include <algorithm>
#include <cmath>

#include "theory/blas.h"

namespace advspur::theory {

namespace {

double dot(const double* a, const double* b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

bool BorderedSystem::factor(const double* base, double curvature, const double* x, const double* w, int count,
                            const double* e) {
  const size_t d = d_;
  count_ = count;
  x_ = x;
  w_ = w;
  e_ = e;
  base_ = base;
  curvature_ = curvature;
  by_rows_ = base == nullptr && count < d_ && !by_columns_;
  scaled_.resize(static_cast<size_t>(count) * d);
  if (by_rows_) {
    inv_sqrt_e_.resize(d);
    for (size_t j = 0; j < d; ++j) inv_sqrt_e_[j] = 1 / std::sqrt(e[j]);
  }
  for (int i = 0; i < count; ++i) {
    const double root = std::sqrt(w[i]);
    const double* from = x + i * d;
    double* to = scaled_.data() + i * d;
    if (by_rows_) {
      for (size_t j = 0; j < d; ++j) to[j] = root * from[j] * inv_sqrt_e_[j];
    } else {
      for (size_t j = 0; j < d; ++j) to[j] = root * from[j];
    }
  }
  const int k = by_rows_ ? count : d_;
  const size_t kk = k;
  factor_.resize(kk * kk);
  double shift = 0;
  for (int attempt = 0; attempt < 6; ++attempt) {
    if (base != nullptr) {
      for (size_t j = 0; j < kk; ++j) {
        for (size_t i = j; i < kk; ++i) factor_[j * kk + i] = curvature * base[j * kk + i];
      }
    }
    if (count > 0) {
      blas::syrk('L', by_rows_ ? 'T' : 'N', k, by_rows_ ? d_ : count, 1, scaled_.data(), d_,
                 base != nullptr ? 1 : 0, factor_.data(), k);
    } else if (base == nullptr) {
      std::fill(factor_.begin(), factor_.end(), 0.0);
    }
    double largest = 0;
    for (size_t j = 0; j < kk; ++j) {
      double& diagonal = factor_[j * kk + j];
      diagonal += by_rows_ ? 1 : e[j];
      largest = std::max(largest, diagonal);
    }
    if (!(largest < HUGE_VAL)) return false;
    for (size_t j = 0; j < kk && shift > 0; ++j) factor_[j * kk + j] += shift * largest;
    if (blas::potrf('L', k, factor_.data(), k) == 0) return true;
    shift = shift == 0 ? 1e-15 : shift * 30;
  }
  return false;
}

void BorderedSystem::border(int m, const double* p, const double* c, int ones) {
  const size_t d = d_;
  m_ = m;
  ones_ = ones;
  std::copy(c, c + m * m, corner_);
  std::copy(c, c + m * m, given_);
  borders_.assign(p, p + m * d);
  if (by_rows_) {
    // (I + F F') y + B db = F E^-1/2 r with F = W^1/2 X E^-1/2, y = W^1/2 (X dt + 1 db), B = F E^-1/2 P -
    // W^1/2 1; the borders' own rows are taken with the opposite sign, which keeps the system symmetric.
    p_.resize(m * d);
    for (int i = 0; i < m; ++i) {
      for (size_t j = 0; j < d; ++j) p_[i * d + j] = p[i * d + j] * inv_sqrt_e_[j];
    }
    b_.assign(static_cast<size_t>(m) * count_, 0.0);
    if (m > 0 && count_ > 0) {
      blas::gemm('T', 'N', count_, m, d_, 1, scaled_.data(), d_, p_.data(), d_, 0, b_.data(), count_);
    }
    for (int i = 0; i < count_ && ones >= 0; ++i)
      b_[static_cast<size_t>(ones) * count_ + i] -= std::sqrt(w_[i]);
    for (int i = 0; i < m; ++i) {
      for (int j = 0; j < m; ++j) corner_[i * m + j] = dot(&p_[i * d], &p_[j * d], d) - corner_[i * m + j];
    }
  } else {
    b_.assign(p, p + m * d);
    if (ones >= 0 && count_ > 0) {
      blas::gemv('N', d_, count_, 1, x_, d_, w_, 1, b_.data() + ones * d);
      for (int i = 0; i < count_; ++i) corner_[ones * m + ones] += w_[i];
    }
  }
  const int k = by_rows_ ? count_ : d_;
  z_ = b_;
  if (m > 0 && k > 0) blas::potrs('L', k, m, factor_.data(), k, z_.data(), k);
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < m; ++j) corner_[i * m + j] -= dot(b_.data() + i * k, z_.data() + j * k, k);
  }
}

void BorderedSystem::solve(double* r, double* rb, const double* drift, double* change, int passes) const {
  if (passes == 0) {
    solve_once(r, rb, drift, change);
    return;
  }
  const size_t d = d_;
  const int m = m_, n = count_;
  std::vector<double> t(d, 0.0), moved(n, 0.0), eta(n), rest(r, r + d), off(drift, drift + n);
  double b[kMaxBorders] = {}, rest_b[kMaxBorders] = {};
  std::copy(rb, rb + m, rest_b);
  for (int pass = 0;; ++pass) {
    solve_once(rest.data(), rest_b, off.data(), change);
    for (size_t j = 0; j < d; ++j) t[j] += rest[j];
    for (int i = 0; i < m; ++i) b[i] += rest_b[i];
    for (int i = 0; i < n; ++i) {
      moved[i] += change[i];
      eta[i] = w_[i] * moved[i];
    }
    if (pass == passes) break;
    // What the sum of the solutions so far leaves of each equation.
    for (size_t j = 0; j < d; ++j) {
      double sum = r[j] - e_[j] * t[j];
      for (int i = 0; i < m; ++i) sum -= borders_[i * d + j] * b[i];
      rest[j] = sum;
    }
    if (base_ != nullptr) blas::symv('L', d_, -curvature_, base_, d_, t.data(), 1, rest.data());
    if (n > 0) blas::gemv('N', d_, n, -1, x_, d_, eta.data(), 1, rest.data());
    for (int i = 0; i < n; ++i) off[i] = drift[i] - moved[i] + (ones_ >= 0 ? b[ones_] : 0.0);
    if (n > 0) blas::gemv('T', d_, n, 1, x_, d_, t.data(), 1, off.data());
    for (int i = 0; i < m; ++i) {
      rest_b[i] = rb[i] - dot(borders_.data() + i * d, t.data(), d);
      for (int j = 0; j < m; ++j) rest_b[i] -= given_[i * m + j] * b[j];
      for (int k = 0; k < n && i == ones_; ++k) rest_b[i] -= eta[k];
    }
  }
  std::copy(t.begin(), t.end(), r);
  std::copy(b, b + m, rb);
  std::copy(moved.begin(), moved.end(), change);
}

void BorderedSystem::solve_once(double* r, double* rb, const double* drift, double* change) const {
  const size_t d = d_;
  const int m = m_, k = by_rows_ ? count_ : d_;
  double* x = r;
  if (by_rows_) {
    for (size_t j = 0; j < d; ++j) r[j] *= inv_sqrt_e_[j];
    for (int i = 0; i < m; ++i) rb[i] = dot(&p_[i * d], r, d) - rb[i];
    work_.resize(k);
    x = work_.data();
    if (k > 0) blas::gemv('T', d_, k, 1, scaled_.data(), d_, r, 0, x);
    for (int i = 0; i < k; ++i) x[i] += std::sqrt(w_[i]) * drift[i];
  } else if (count_ > 0) {
    double total = 0;
    for (int i = 0; i < count_; ++i) total += change[i] = w_[i] * drift[i];
    blas::gemv('N', d_, count_, -1, x_, d_, change, 1, r);
    if (ones_ >= 0) rb[ones_] -= total;
  }
  if (k > 0) blas::potrs('L', k, 1, factor_.data(), k, x, k);
  solve_borders(x, rb);
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < k; ++j) x[j] -= z_[static_cast<size_t>(i) * k + j] * rb[i];
  }
  if (by_rows_) {
    for (int i = 0; i < m; ++i) {
      for (size_t j = 0; j < d; ++j) r[j] -= p_[i * d + j] * rb[i];
    }
    if (k > 0) blas::gemv('N', d_, k, -1, scaled_.data(), d_, x, 1, r);
    for (size_t j = 0; j < d; ++j) r[j] *= inv_sqrt_e_[j];
    for (int i = 0; i < k; ++i) change[i] = x[i] / std::sqrt(w_[i]);
  } else if (count_ > 0) {
    for (int i = 0; i < count_; ++i) change[i] = drift[i] + (ones_ >= 0 ? rb[ones_] : 0.0);
    blas::gemv('T', d_, count_, 1, x_, d_, r, 1, change);
  }
}

// Gaussian elimination with scaled partial pivoting: the borders differ by many orders of magnitude near the
// end.
void BorderedSystem::solve_borders(const double* reduced, double* rb) const {
  const int m = m_, order = by_rows_ ? count_ : d_;
  double a[kMaxBorders][kMaxBorders + 1], size[kMaxBorders];
  for (int i = 0; i < m; ++i) {
    size[i] = 0;
    for (int j = 0; j < m; ++j) {
      a[i][j] = corner_[i * m + j];
      size[i] = std::max(size[i], std::fabs(a[i][j]));
    }
    if (size[i] == 0) size[i] = 1;
    a[i][m] = rb[i] - dot(b_.data() + static_cast<size_t>(i) * order, reduced, order);
  }
  for (int k = 0; k < m; ++k) {
    int pivot = k;
    for (int i = k + 1; i < m; ++i) {
      if (std::fabs(a[i][k]) / size[i] > std::fabs(a[pivot][k]) / size[pivot]) pivot = i;
    }
    if (pivot != k) {
      for (int j = 0; j <= m; ++j) std::swap(a[k][j], a[pivot][j]);
      std::swap(size[k], size[pivot]);
    }
    if (a[k][k] == 0) a[k][k] = 1e-300;
    for (int i = k + 1; i < m; ++i) {
      const double factor = a[i][k] / a[k][k];
      for (int j = k; j <= m; ++j) a[i][j] -= factor * a[k][j];
    }
  }
  for (int i = m - 1; i >= 0; --i) {
    double value = a[i][m];
    for (int j = i + 1; j < m; ++j) value -= a[i][j] * rb[j];
    rb[i] = value / a[i][i];
  }
}

}  // namespace advspur::theory
