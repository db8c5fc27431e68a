// One radius on one piece of a path: theta = u - lambda v, N = nu - tau lambda, s^2 = kappa + tau lambda^2.
// N is the dual norm of theta, s the standard deviation of the residual. Formulas (2), (4), (5) of
// docs/theory.md.
#pragma once

#include <cmath>

namespace advspur::theory {

inline constexpr double kC = 0.797884560802865355879892119869;  // sqrt(2 / pi), E|z| of a standard normal

// Numbers of one piece that do not depend on lambda.
struct Face {
  double nu = 0, tau = 0, kappa = 0;
  double norm(double lambda) const { return nu - tau * lambda; }
  double spread(double lambda) const { return std::sqrt(kappa + tau * lambda * lambda); }
};

// E(lambda): the radius whose optimum has multiplier lambda, spread s > 0 and dual norm n. No cancellation.
inline double radius(double lambda, double s, double n) {
  const double a = kC * (s * s - lambda * n);
  const double root = std::sqrt(a * a + 4 * s * s * n * lambda);
  return a >= 0 ? 2 * lambda * s / (a + root) : (root - a) / (2 * s * n);
}

// E at a point of a face; at lambda = 0 on a face that fits exactly, the end of the noise-free plateau.
inline double radius(const Face& face, double lambda) {
  if (lambda <= 0) return face.kappa > 0 ? 0.0 : (face.tau > 0 ? kC / std::sqrt(face.tau) : HUGE_VAL);
  const double n = face.norm(lambda);
  return radius(lambda, face.spread(lambda), n > 0 ? n : 0.0);
}

// Lam(eps; s, N), formula (2).
inline double multiplier(double eps, double s, double n) {
  return s > 0 ? eps * s * (kC * s + eps * n) / (s + kC * eps * n) : 0.0;
}

// The root lambda in [low, high] of lambda (s + c eps N) = eps s (c s + eps N), which increases through it.
// guess: anywhere. Newton, kept inside the bracket by bisection.
inline double solve_multiplier(const Face& face, double eps, double low, double high, double guess) {
  if (face.kappa <= 0) {
    const double root = std::sqrt(face.tau), h = eps * root;
    if (h <= kC) return 0.0;
    const double lambda = eps * face.nu * (h - kC) / (root * (1 - 2 * kC * h + h * h));
    return lambda < high ? lambda : high;
  }
  double x = guess > low && guess < high ? guess : 0.5 * (low + high);
  for (int step = 0; step < 100; ++step) {
    const double s = face.spread(x), n = face.norm(x);
    const double left = s + kC * eps * n, right = kC * s + eps * n;
    const double value = x * left - eps * s * right;
    const double ds = face.tau * x / s, dn = -face.tau;
    const double slope = left + x * (ds + kC * eps * dn) - eps * (ds * right + s * (kC * ds + eps * dn));
    (value > 0 ? high : low) = x;
    double next = x - value / slope;
    if (!(next > low && next < high)) {
      if (next == x) return x;
      next = 0.5 * (low + high);
      if (!(next > low && next < high)) return x;
    } else if (std::abs(next - x) <= 1e-9 * next) {
      return next;  // the error is now below the square of this step
    }
    x = next;
  }
  return x;
}

}  // namespace advspur::theory
