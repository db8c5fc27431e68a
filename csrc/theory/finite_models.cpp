#include "theory/finite_models.h"

#include <algorithm>
#include <cmath>

#include "theory/blas.h"
#include "theory/finite_task.h"

namespace advspur::theory {

namespace {

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
  return sum;
}

}  // namespace

void PlugInModel::evaluate(const Point& point, double norm, SmoothPart& part) {
  // f = R^2/2 + k R N + n eps^2 N^2 / 2 with R = ||r||, k = c eps sqrt(n).
  const double k = kMeanAbsNormal * eps_ * std::sqrt(static_cast<double>(n_));
  part.q = xty_;
  blas::symv('L', d_, 1, gram_.data(), d_, point.t.data(), -1, part.q.data());
  const double squared = yy_ + dot(point.t, part.q) - dot(point.t, xty_);
  const double size = std::sqrt(std::max(squared, 1e-14 * yy_));
  part.value = 0.5 * size * size + k * size * norm + 0.5 * n_ * eps_ * eps_ * norm * norm;
  part.base = gram_.data();
  part.curvature = 1 + k * norm / size;
  part.deflate = k * norm / (size * size * size);
  part.gradient.resize(d_);
  part.cross.resize(d_);
  for (int j = 0; j < d_; ++j) {
    part.gradient[j] = part.curvature * part.q[j];
    part.cross[j] = k / size * part.q[j];
  }
  part.gradient_n = k * size + n_ * eps_ * eps_ * norm;
  part.kappa = n_ * eps_ * eps_;
}

FixedSignModel::FixedSignModel(const FiniteSample& sample, const Vector& gram, const Vector& xty,
                               const std::vector<char>& kept, const Vector& kept_x, const Vector& r,
                               double eps)
    : d_(sample.d), eps_(eps), base_(gram), xty_(xty), signed_x_(sample.d, 0.0), sum_x_(sample.d, 0.0) {
  const int n = sample.n, n_kept = static_cast<int>(kept_x.size() / d_);
  count_ = n - n_kept;
  if (n_kept > 0) blas::syrk('L', 'N', d_, n_kept, -1, kept_x.data(), d_, 1, base_.data(), d_);
  Vector sign(n, 0.0), kept_y(n_kept), one(n_kept, 1.0);
  int k = 0;
  for (int i = 0; i < n; ++i) {
    const double y = sample.y[i];
    if (kept[i]) {
      kept_y[k++] = y;
      continue;
    }
    sign[i] = r[i] < 0 ? -1 : 1;
    yy_ += y * y;
    sum_y_ += y;
    signed_y_ += sign[i] * y;
    signs_ += sign[i];
  }
  blas::gemv('N', d_, n, 1, sample.x, d_, sign.data(), 0, signed_x_.data());
  if (n_kept > 0) {
    blas::gemv('N', d_, n_kept, -1, kept_x.data(), d_, kept_y.data(), 1, xty_.data());
    // Used only with an intercept, whose columns sum to 0: the rows outside sum to minus the kept ones.
    blas::gemv('N', d_, n_kept, -1, kept_x.data(), d_, one.data(), 0, sum_x_.data());
  }
}

void FixedSignModel::evaluate(const Point& point, double norm, SmoothPart& part) {
  // f = 1/2 sum (s_i r_i + eps N)^2
  const double b = point.b;
  part.base = base_.data();
  part.gradient = xty_;
  blas::symv('L', d_, 1, base_.data(), d_, point.t.data(), -1, part.gradient.data());
  const double along = dot(sum_x_, point.t);
  const double squares =
      yy_ + dot(point.t, part.gradient) - dot(point.t, xty_) + 2 * b * (along - sum_y_) + count_ * b * b;
  const double absolute = dot(signed_x_, point.t) + signs_ * b - signed_y_;
  part.value = 0.5 * squares + eps_ * norm * absolute + 0.5 * count_ * eps_ * eps_ * norm * norm;
  part.cross.resize(d_);
  part.ones = sum_x_;
  for (int j = 0; j < d_; ++j) {
    part.cross[j] = eps_ * signed_x_[j];
    part.gradient[j] += b * sum_x_[j] + norm * part.cross[j];
  }
  part.gradient_b = along + count_ * b - sum_y_ + eps_ * norm * signs_;
  part.gradient_n = eps_ * (absolute + eps_ * count_ * norm);
  part.cross_b = eps_ * signs_;
  part.ones_b = count_;
  part.kappa = count_ * eps_ * eps_;
}

}  // namespace advspur::theory
