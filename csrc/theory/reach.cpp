#include "theory/reach.h"

#include <algorithm>
#include <cmath>

#include "theory/dense.h"
#include "theory/polish.h"
#include "theory/twofold.h"

namespace advspur::theory {
namespace {

// The inverse's diagonal from a Cholesky factor of the covariance in 32 digits.
bool precise(const Gaussian& p, std::vector<double>& out) {
  const int64_t d = p.d;
  std::vector<Twofold> l(p.cov, p.cov + d * d), x(static_cast<size_t>(d));
  for (int64_t i = 0; i < d; ++i) {
    Twofold* row = l.data() + i * d;
    for (int64_t j = 0; j <= i; ++j) {
      const Twofold* other = l.data() + j * d;
      Twofold sum = row[j];
      for (int64_t k = 0; k < j; ++k) sum -= row[k] * other[k];
      if (j < i) {
        row[j] = sum / other[j];
      } else if (!(sum.high > 1e-22 * p.cov[i * d + i])) {
        return false;
      } else {
        row[i] = root(sum);
      }
    }
  }
  for (int64_t j = 0; j < d; ++j) {
    double total = 0;
    for (int64_t i = j; i < d; ++i) {
      Twofold sum = i == j ? 1.0 : 0.0;
      for (int64_t k = j; k < i; ++k) sum -= l[i * d + k] * x[k];
      x[i] = sum / l[i * d + i];
      const double part = x[i].high * p.deviation[j];
      total += part * part;
    }
    out[j] = 1.001 * std::sqrt(total) / p.deviation[j];
  }
  return true;
}

// The same in doubles, from the correlations less what the factorisation may be off by.
bool plain(const Gaussian& p, std::vector<double>& out) {
  const int64_t d = p.d;
  const double margin = static_cast<double>(d * (d + 8)) * 1.2e-16;
  std::vector<double> l(static_cast<size_t>(d * d)), x(static_cast<size_t>(d));
  for (int64_t i = 0; i < d; ++i) {
    for (int64_t j = 0; j < i; ++j) l[i * d + j] = p.cov[i * d + j] / p.deviation[i] / p.deviation[j];
    l[i * d + i] = 1 - margin;
  }
  if (dense::cholesky(d, l.data(), d, margin) != 0) return false;
  for (int64_t j = 0; j < d; ++j) {
    std::fill_n(x.data(), d - j, 0.0);
    x[0] = 1;
    dense::solve_lower(d - j, l.data() + j * d + j, d, x.data());
    out[j] = 1.001 * std::sqrt(dense::dot(d - j, x.data(), x.data())) / p.deviation[j];
  }
  return true;
}

}  // namespace

void reaches(const Gaussian& problem, std::vector<double>& out) {
  out.resize(static_cast<size_t>(problem.d));
  if (!(problem.d <= kTwofold ? precise(problem, out) : plain(problem, out)))
    std::fill(out.begin(), out.end(), HUGE_VAL);
}

}  // namespace advspur::theory
