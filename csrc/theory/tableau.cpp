#include "theory/tableau.h"

#include <algorithm>
#include <cstring>

#include "theory/dense.h"

namespace advspur::theory {
namespace {
constexpr int64_t kDirect = 48;                      // up to here every change is applied at once
constexpr int64_t kWaiting = 64, kWaitingFew = 256;  // beyond: so many changes wait
constexpr int64_t kDrifts = 256;  // below, what is carried along stays good to the end of the path
}  // namespace

void Tableau::reset(int64_t d, const double* cov, bool few) {
  d_ = d;
  waiting_ = 0;
  settled_ = false;
  capacity_ = d <= kDirect ? 0 : std::min<int64_t>(few ? kWaitingFew : kWaiting, 16 + (few ? d / 4 : d / 8));
  table_.assign(cov, cov + d * d);
  rows_.resize(static_cast<size_t>(capacity_ * d));
  inverse_.resize(static_cast<size_t>(capacity_));
  weights_.resize(static_cast<size_t>(capacity_));
}

void Tableau::column(int64_t j, double* out) {
  const double* row = table_.data() + j * d_;
  if (capacity_ == 0) {
    std::copy_n(row, d_, out);
    return;
  }
  std::copy_n(row, j + 1, out);
  const double* below = row + d_ + j;
  for (int64_t i = j + 1; i < d_; ++i, below += d_) out[i] = *below;
  for (int64_t k = 0; k < waiting_; ++k) weights_[k] = -inverse_[k] * rows_[k * d_ + j];
  dense::add_rows(waiting_, d_, weights_.data(), rows_.data(), d_, out);
}

void Tableau::pivot(int64_t j, const double* column, bool in) {
  const double inverse = 1 / column[j], sign = in ? inverse : -inverse;
  if (capacity_ == 0) {
    for (int64_t i = 0; i < d_; ++i) {
      if (column[i] != 0) dense::axpy(d_, -inverse * column[i], column, table_.data() + i * d_);
    }
  } else {
    for (int64_t k = 0; k < waiting_; ++k)
      rows_[k * d_ + j] = 0;  // row j is written anew: older changes are in it
    double* row = rows_.data() + waiting_ * d_;
    std::copy_n(column, d_, row);
    row[j] = 0;
    inverse_[waiting_++] = inverse;
  }
  double* row = table_.data() + j * d_;
  const int64_t width = capacity_ == 0 ? d_ : j;
  for (int64_t i = 0; i < width; ++i) row[i] = sign * column[i];
  double* down = table_.data() + j;
  for (int64_t i = capacity_ == 0 ? 0 : j + 1; i < d_; ++i) down[i * d_] = sign * column[i];
  row[j] = -inverse;
  if (capacity_ > 0 && waiting_ == capacity_) flush();
}

bool Tableau::settled() {
  const bool now = settled_ && waiting_ == 0;
  settled_ = false;
  return now;
}

void Tableau::multiply(const double* x, double* out) const {
  std::fill_n(out, d_, 0.0);
  for (int64_t i = 0; i < d_; ++i) {
    const double* row = table_.data() + i * d_;
    if (x[i] != 0) dense::axpy(i, x[i], row, out);
    out[i] += dense::dot(i + 1, row, x);
  }
}

void Tableau::carry(int64_t d, double* y, int64_t j, const double* column, bool in) {
  const double step = y[j] / column[j];
  dense::axpy(d, -step, column, y);
  y[j] = in ? step : -step;
}

void Tableau::flush() {
  std::vector<double> scaled(static_cast<size_t>(waiting_ * d_));
  for (int64_t k = 0; k < waiting_; ++k) {
    for (int64_t i = 0; i < d_; ++i) scaled[k * d_ + i] = inverse_[k] * rows_[k * d_ + i];
  }
  dense::add_product(d_, d_, waiting_, -1.0, scaled.data(), d_, 1, rows_.data(), d_, table_.data(), d_, true);
  waiting_ = 0;
  settled_ = d_ >= kDrifts;
}

}  // namespace advspur::theory
