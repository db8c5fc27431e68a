#include <algorithm>
#include <cmath>

#include "theory/finite_system.h"
#include "theory/finite_task.h"

namespace advspur::theory {

Point shrunk_ridge(const FiniteTask& task, const Vector* gram) {
  const FiniteSample& sample = task.sample;
  const int n = sample.n, d = sample.d;
  const double yy = task.yy, eps = task.eps;
  double trace = 0;
  Vector ones(n, 1.0);
  if (gram != nullptr) {
    for (int j = 0; j < d; ++j) trace += (*gram)[static_cast<size_t>(j) * (d + 1)];
  } else {
    for (size_t k = 0; k < static_cast<size_t>(n) * d; ++k) trace += sample.x[k] * sample.x[k];
  }
  Point point{task.xty, 0};
  const Vector ridge(d, (n > d ? 1e-6 : 1e-2) * trace / std::min(n, d));
  BorderedSystem system(d, false);
  if (!system.factor(gram != nullptr ? gram->data() : nullptr, 1, sample.x, ones.data(),
                     gram != nullptr ? 0 : n, ridge.data())) {
    return Point{Vector(d, 0.0), 0};
  }
  Vector r(n), none(n, 0.0);
  system.border(0, nullptr, nullptr, -1);
  system.solve(point.t.data(), nullptr, none.data(), r.data(), 0);
  residuals(sample, point, r);
  double pp = 0, py = 0;
  for (int i = 0; i < n; ++i) {
    const double fitted = r[i] + sample.y[i];
    pp += fitted * fitted;
    py += fitted * sample.y[i];
  }
  const double norm = weight_norm(task.attack, point.t.data(), d);
  const double k = kMeanAbsNormal * eps * norm * std::sqrt(static_cast<double>(n));
  const double nn = n * eps * eps * norm * norm;
  double lo = 0, hi = 1;
  for (int step = 0; step < 30; ++step) {
    const double z = 0.5 * (lo + hi), size = std::sqrt(std::max(yy - 2 * z * py + z * z * pp, 1e-14 * yy));
    const double slope = (z * pp - py) * (1 + k * z / size) + k * size + nn * z;
    (slope > 0 ? hi : lo) = z;
  }
  for (double& v : point.t) v *= lo;
  return point;
}

}  // namespace advspur::theory
