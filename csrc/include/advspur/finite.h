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
  const double* x;  // (n, d), C order; columns have mean 0 where there is an intercept
  const double* y;  // (n,); mean 0 where there is an intercept
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

// The solver keeps what all radii share (the Gram matrix); call `fit` once a radius. eps > 0.
class FiniteSolver {
 public:
  FiniteSolver(const FiniteSample& sample, Attack attack);
  FiniteFit fit(double eps, const FiniteOptions& options);
  // Smallest eps whose optimum is t = 0; +inf if y is constant (t = 0 for every eps > 0 as well).
  double critical_eps() const { return critical_eps_; }

 private:
  FiniteSample sample_;
  Attack attack_;
  double critical_eps_ = 0;
  std::vector<double> xty_;   // X'y
  std::vector<double> gram_;  // X'X, lower triangle; filled by the first screened fit
};

}  // namespace advspur::theory
