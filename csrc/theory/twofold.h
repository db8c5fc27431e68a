// Numbers of 32 digits as the unevaluated sum of two doubles (Dekker 1971; Hida, Li & Bailey 2001): for
// covariances whose condition leaves plain doubles nothing. The files that use it must not contract products.
#pragma once

#include <cmath>

namespace advspur::theory {

struct Twofold {
  double high = 0, low = 0;

  Twofold() = default;
  Twofold(double x) : high(x) {}  // NOLINT: numbers convert
  Twofold(double h, double l) : high(h + l), low(l - (high - h)) {}
  explicit operator double() const { return high; }

  friend Twofold operator-(const Twofold& a) { return {-a.high, -a.low}; }
  friend Twofold operator+(const Twofold& a, const Twofold& b) {
    const double s = a.high + b.high, v = s - a.high;
    const double t = a.low + b.low, w = t - a.low;
    const Twofold first(s, ((a.high - (s - v)) + (b.high - v)) + t);
    return {first.high, first.low + ((a.low - (t - w)) + (b.low - w))};
  }
  friend Twofold operator-(const Twofold& a, const Twofold& b) { return a + -b; }
  friend Twofold operator*(const Twofold& a, const Twofold& b) {
    const double p = a.high * b.high;
    return {p, std::fma(a.high, b.high, -p) + (a.high * b.low + a.low * b.high)};
  }
  friend Twofold operator/(const Twofold& a, const Twofold& b) {
    const double first = a.high / b.high;
    const Twofold left = a - b * first;
    const double second = left.high / b.high;
    return Twofold(first, second) + (left - b * second).high / b.high;
  }
  Twofold& operator+=(const Twofold& b) { return *this = *this + b; }
  Twofold& operator-=(const Twofold& b) { return *this = *this - b; }
  Twofold& operator*=(const Twofold& b) { return *this = *this * b; }
  Twofold& operator/=(const Twofold& b) { return *this = *this / b; }
  friend bool operator==(const Twofold& a, const Twofold& b) { return a.high == b.high && a.low == b.low; }
  friend bool operator!=(const Twofold& a, const Twofold& b) { return !(a == b); }
  friend bool operator>(const Twofold& a, const Twofold& b) {
    return a.high > b.high || (a.high == b.high && a.low > b.low);
  }
  friend bool operator<(const Twofold& a, const Twofold& b) { return b > a; }
};

inline Twofold root(const Twofold& a) {
  if (!(a.high > 0)) return 0.0;
  const double x = std::sqrt(a.high);
  return Twofold(x, (a - Twofold(x) * x).high / (2 * x));
}
inline double root(double a) {
  return std::sqrt(a);
}
inline long double root(long double a) {
  return std::sqrt(a);
}

}  // namespace advspur::theory
