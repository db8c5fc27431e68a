// Adversarially trained linear regression on a finite sample, with a dual certificate.
//
//   minimise over t, b:   (1/n) sum_i (|x_i't + b - y_i| + eps ||t||_q)^2
//
// the worst case of the squared error when each x_i may move by eps in the dual norm p of q. Needs BLAS
// (csrc/theory/blas.h). Not thread-safe inside one problem; separate problems may run side by side.
#pragma once

#include <cstdint>
#include <vector>

namespace advspur::theory {

// The attack's norm; the weights are measured in the dual one (linf -> l1, l2 -> l2, l1 -> linf).
enum class Attack : int { kLinf = 0, kL2 = 1, kL1 = 2 };

struct FiniteSample {
  const double* x = nullptr;  // (n, d), C order, finite
  const double* y = nullptr;  // (n,), finite
  int n = 0;
  int d = 0;
  bool intercept = false;
};

struct FiniteFit {
  std::vector<double> weights;  // (d,)
  double intercept = 0;
  double objective = 0;  // (1/n) sum (|r| + eps N)^2 at the weights
  double bound = 0;      // rigorous lower bound of the minimum
  double gap = 0;        // (objective - bound) / objective
  int iterations = 0;    // interior-point steps: one factorisation each
  int rounds = 0;        // times the set of screened rows was chosen; 0: nothing was screened
};

struct FiniteOptions {
  double tol = 1e-9;  // relative gap to reach
  int max_iter = 100;
  bool screen = true;  // false: every row an inequality from the start (algorithm A)
};

// A sample as the solver likes it: a copy, scaled by powers of two to entries below 1 and, with an intercept,
// centred.
class PreparedSample {
 public:
  explicit PreparedSample(const FiniteSample& raw);
  const FiniteSample& sample() const { return sample_; }
  double scaled_eps(double eps) const { return eps * x_scale_; }
  double raw_eps(double eps) const { return eps / x_scale_; }
  void to_raw(FiniteFit& fit) const;

 private:
  FiniteSample sample_;
  std::vector<double> x_, y_, x_mean_;
  double y_mean_ = 0, x_scale_ = 1, y_scale_ = 1;
};

// The solver keeps what all radii share (the Gram matrix); call `fit` once a radius.
class FiniteSolver {
 public:
  FiniteSolver(const FiniteSample& sample, Attack attack);
  // eps >= 0. For eps = 0 it returns zero weights with a gap of 1: least squares is not its business.
  FiniteFit fit(double eps, const FiniteOptions& options);
  // Smallest eps whose optimum is t = 0; +inf if y is constant (t = 0 for every eps > 0 as well).
  double critical_eps() const { return prepared_.raw_eps(critical_eps_); }

 private:
  FiniteFit fit_scaled(double eps, const FiniteOptions& options);

  PreparedSample prepared_;
  const FiniteSample& sample_;
  Attack attack_;
  double critical_eps_ = 0;
  std::vector<double> xty_;   // X'y
  std::vector<double> gram_;  // X'X, lower triangle; filled by the first screened fit
};

}  // namespace advspur::theory
