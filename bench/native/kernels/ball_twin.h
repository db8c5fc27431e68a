// Balls, boxes and steps in the plainest way, in double: what the kernels are checked against.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace advspur::bench {

using Values = std::vector<double>;

// The nearest point of {u : ||u||_1 <= eps, 0 <= x0 + u <= 1} to v, by 200 bisections.
inline Values project_l1(const Values& v, const Values& x0, double eps) {
  const auto at = [&](double t, size_t i) {
    const double room = v[i] > 0 ? 1 - x0[i] : x0[i];
    return std::copysign(std::min(std::max(std::fabs(v[i]) - t, 0.0), room), v[i]);
  };
  const auto size = [&](double t) {
    double sum = 0;
    for (size_t i = 0; i < v.size(); ++i) sum += std::fabs(at(t, i));
    return sum;
  };
  double low = 0, high = 0;
  for (double value : v) high = std::max(high, std::fabs(value));
  if (size(0) <= eps) high = 0;
  for (int i = 0; i < 200; ++i) (size((low + high) / 2) > eps ? low : high) = (low + high) / 2;
  Values u(v.size());
  for (size_t i = 0; i < v.size(); ++i) u[i] = at(high, i);
  return u;
}

inline double length(const Values& v) {
  double square = 0;
  for (double value : v) square += value * value;
  return std::sqrt(square);
}

// Ball, then box.
inline Values project_l2(const Values& v, const Values& x0, double eps) {
  const double shrink = std::min(1.0, eps / std::max(length(v), 1e-300));
  Values u(v.size());
  for (size_t i = 0; i < v.size(); ++i) u[i] = std::clamp(x0[i] + shrink * v[i], 0.0, 1.0) - x0[i];
  return u;
}

inline Values project_linf(const Values& v, const Values& x0, double eps) {
  Values u(v.size());
  for (size_t i = 0; i < v.size(); ++i)
    u[i] = std::clamp(x0[i] + std::clamp(v[i], -eps, eps), 0.0, 1.0) - x0[i];
  return u;
}

}  // namespace advspur::bench
