#include "theory/tableau.h"

#include <algorithm>
#include <cstring>

#include "theory/dense.h"

namespace advspur::theory {
namespace {
constexpr int64_t kDirect = 48;                      // up to here every change is applied at once
constexpr int64_t kWaiting = 64, kWaitingFew = 512;  // beyond: so many changes wait
constexpr int64_t kDrifts = 256;  // below, what is carried along stays good to the end of the path
}  // namespace

void Tableau::reset(int64_t d, const double* cov, bool few) {
  d_ = d;
  waiting_ = 0;
  settled_ = false;
  capacity_ =
      d <= kDirect ? 0 : std::min<int64_t>(few ? kWaitingFew : kWaiting, 16 + (few ? 3 * d / 8 : d / 8));
  base_ = cov;
  if (capacity_ == 0) table_.assign(cov, cov + d * d);
  if (rows_size_ < capacity_ * d) {
    rows_size_ = capacity_ * d;
    rows_.reset(new double[static_cast<size_t>(rows_size_)]);  // not cleared: most may never be used
  }
  inverse_.resize(static_cast<size_t>(capacity_));
  written_.resize(static_cast<size_t>(capacity_));
  feature_.resize(static_cast<size_t>(capacity_));
  weights_.resize(static_cast<size_t>(capacity_));
  if (capacity_ > 0) last_.assign(static_cast<size_t>(d), -1);
}

void Tableau::column(int64_t j, double* out) {
  if (capacity_ == 0) {
    std::copy_n(table_.data() + j * d_, d_, out);
    return;
  }
  const double* rows = rows_.get();
  const int64_t last = last_[j];
  if (last >= 0) {
    const double *row = rows + last * d_, scale = written_[last];
    for (int64_t i = 0; i < d_; ++i) out[i] = scale * row[i];
    out[j] = -inverse_[last];
  } else if (base_ != nullptr) {
    std::copy_n(base_ + j * d_, d_, out);
  } else {
    const double *row = table_.data() + j * d_, *below = row + d_ + j;
    std::copy_n(row, j + 1, out);
    for (int64_t i = j + 1; i < d_; ++i, below += d_) out[i] = *below;
  }
  for (int64_t k = last + 1; k < waiting_; ++k) {
    const double entry = rows[k * d_ + j];
    out[feature_[k]] = written_[k] * entry;
    weights_[k] = -inverse_[k] * entry;
  }
  const int64_t from = last + 1;
  dense::add_rows(waiting_ - from, d_, weights_.data() + from, rows + from * d_, d_, out);
}

void Tableau::pivot(int64_t j, const double* column, bool in) {
  const double inverse = 1 / column[j], sign = in ? inverse : -inverse;
  if (capacity_ == 0) {
    for (int64_t i = 0; i < d_; ++i) {
      if (column[i] != 0) dense::axpy(d_, -inverse * column[i], column, table_.data() + i * d_);
    }
    double *row = table_.data() + j * d_, *down = table_.data() + j;
    for (int64_t i = 0; i < d_; ++i) row[i] = down[i * d_] = sign * column[i];
    row[j] = -inverse;
    return;
  }
  double* rows = rows_.get();
  for (int64_t k = 0; k < waiting_; ++k) rows[k * d_ + j] = 0;  // row j is written anew: they are in it
  double* row = rows + waiting_ * d_;
  std::copy_n(column, d_, row);
  row[j] = 0;
  last_[j] = waiting_;
  feature_[waiting_] = j;
  written_[waiting_] = sign;
  inverse_[waiting_++] = inverse;
  if (waiting_ == capacity_) flush();
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
  if (base_ != nullptr) table_.assign(base_, base_ + d_ * d_);
  base_ = nullptr;
  std::vector<double> scaled(static_cast<size_t>(waiting_ * d_));
  for (int64_t k = 0; k < waiting_; ++k) {
    const int64_t j = feature_[k];
    const double* changes = rows_.get() + k * d_;
    double *row = table_.data() + j * d_, *down = table_.data() + j;
    for (int64_t i = 0; i < j; ++i) row[i] = written_[k] * changes[i];
    for (int64_t i = j + 1; i < d_; ++i) down[i * d_] = written_[k] * changes[i];
    row[j] = -inverse_[k];
    last_[j] = -1;
    for (int64_t i = 0; i < d_; ++i) scaled[k * d_ + i] = inverse_[k] * changes[i];
  }
  dense::add_product(d_, d_, waiting_, -1.0, scaled.data(), d_, 1, rows_.get(), d_, table_.data(), d_, true);
  waiting_ = 0;
  settled_ = d_ >= kDrifts;
}

}  // namespace advspur::theory
