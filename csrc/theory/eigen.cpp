#include "theory/eigen.h"

#include <algorithm>
#include <cmath>

#include "core/macros.h"
#include "theory/dense.h"
#include "theory/precise_factor.h"
#include "theory/wide.h"

#pragma GCC optimize("fp-contract=fast")

namespace advspur::theory {
namespace {

constexpr double kRedone = 1e-5;  // a smaller pivot, per unit of variance, has lost too many digits

// One sweep over all pairs of rows; returns whether any rotation was worth making.
ADVSPUR_CLONES bool sweep(int64_t rank, int64_t d, double* rows, double* length2) {
  bool rotated = false;
  for (int64_t p = 0; p + 1 < rank; ++p) {
    for (int64_t q = p + 1; q < rank; ++q) {
      double* x = rows + p * d;
      double* y = rows + q * d;
      const double dot = dot_inline(d, x, y);
      const double a = length2[p], b = length2[q];
      if (dot * dot <= 1e-31 * a * b) continue;
      rotated = true;
      const double z = (b - a) / (2 * dot);
      const double t = (z >= 0 ? 1.0 : -1.0) / (__builtin_fabs(z) + __builtin_sqrt(1 + z * z));
      const double c = 1 / __builtin_sqrt(1 + t * t), s = c * t;
      Wide aa{}, bb{};
      double a1 = 0, b1 = 0;
      int64_t i = 0;
      for (; i + kWide <= d; i += kWide) {
        const Wide u = c * load(x + i) - s * load(y + i), v = s * load(x + i) + c * load(y + i);
        store(x + i, u), store(y + i, v);
        aa += u * u, bb += v * v;
      }
      for (; i < d; ++i) {
        const double u = c * x[i] - s * y[i], v = s * x[i] + c * y[i];
        x[i] = u, y[i] = v;
        a1 += u * u, b1 += v * v;
      }
      length2[p] = total(aa) + a1, length2[q] = total(bb) + b1;
    }
  }
  return rotated;
}

}  // namespace

int64_t eigen_factor(int64_t d, const double* cov, std::vector<double>& rows, std::vector<double>& values) {
  rows.resize(static_cast<size_t>(d * d));
  values.assign(static_cast<size_t>(d), 0.0);
  thread_local std::vector<double> left, weights;
  left.resize(static_cast<size_t>(d));
  weights.resize(static_cast<size_t>(d));
  for (int64_t i = 0; i < d; ++i) left[i] = cov[i * d + i];
  const double tiny = 4e-16 * static_cast<double>(std::max<int64_t>(d, 8));
  int64_t rank = 0;
  double worst = 1;
  for (; rank < d; ++rank) {
    int64_t pivot = -1;
    for (int64_t i = 0; i < d; ++i) {
      if (left[i] > tiny * cov[i * d + i] && (pivot < 0 || left[i] > left[pivot])) pivot = i;
    }
    if (pivot < 0) break;
    worst = std::min(worst, left[pivot] / cov[pivot * d + pivot]);
    double* row = rows.data() + rank * d;
    std::copy_n(cov + pivot * d, d, row);
    for (int64_t k = 0; k < rank; ++k) weights[k] = -rows[k * d + pivot];
    dense::add_rows(rank, d, weights.data(), rows.data(), d, row);
    const double scale = 1 / std::sqrt(left[pivot]);
    for (int64_t i = 0; i < d; ++i) {
      row[i] = left[i] == 0 ? 0.0 : row[i] * scale;
      left[i] -= row[i] * row[i];
    }
    row[pivot] = std::sqrt(left[pivot] + row[pivot] * row[pivot]);
    left[pivot] = 0;
    values[rank] = dense::dot(d, row, row);
  }
  if (worst < kRedone) rank = precise_factor(d, cov, tiny, rows.data(), values.data());
  for (int step = 0; step < 40 && sweep(rank, d, rows.data(), values.data()); ++step) {
  }
  return rank;
}

}  // namespace advspur::theory
