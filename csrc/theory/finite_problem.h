// What the parts of the finite-sample solver pass to each other.
#pragma once

#include <functional>
#include <vector>

#include "advspur/finite.h"

namespace advspur::theory {

using Vector = std::vector<double>;

// ||t||_q of the weights, q dual to the attack.
double weight_norm(Attack attack, const double* t, int d);
// ||c||_p in the attack's norm.
double attack_norm(Attack attack, const double* c, int d);

// Weights and intercept, with what follows from them.
struct Point {
  Vector t;
  double b = 0;
};

// r = X t + b - y for all rows.
void residuals(const FiniteSample& sample, const Point& point, Vector& r);
double objective(const Vector& r, double eps, double norm);

// Weights scaled by a dual direction: the bound (1/n) (alpha'y)^2 / ||beta||^2 that holds for any |alpha| <=
// beta with
// ||X'alpha||_p <= eps sum(beta) and, with an intercept, sum(alpha) = 0. They are repaired to satisfy all
// three.
double dual_bound(const FiniteSample& sample, Attack attack, double eps, Vector alpha, const Vector& beta);

// Rows that are not carried as inequalities: their part of 1/2 sum (|r_i| + eps N)^2 as a smooth function of
// (t, b, N), with its derivatives at one point. Hessian in t: curvature * base - deflate q q'.
struct SmoothPart {
  const double* base = nullptr;  // (d, d) lower triangle; null: no such rows
  double curvature = 1;
  Vector gradient, cross, ones;  // d/dt; d2/dt dN; d2/dt db
  double value = 0, gradient_b = 0, gradient_n = 0, cross_b = 0, ones_b = 0, kappa = 0;
  double deflate = 0;  // cross is parallel to q; 0: none
  Vector q;
};

class SmoothModel {
 public:
  virtual ~SmoothModel() = default;
  virtual void evaluate(const Point& point, double norm, SmoothPart& part) = 0;
};

// Rows carried as inequalities u >= |r|.
struct InequalityRows {
  const double* x = nullptr;  // (count, d), C order
  const double* y = nullptr;
  int count = 0;
};

struct InteriorOptions {
  double tol = 1e-9;  // complementarity and dual residual, relative to twice the objective
  int max_iter = 100;
  double products = 0;      // sum of slack times multiplier to start from
  bool by_columns = false;  // factor a (d, d) matrix even where there are fewer rows
  Vector alpha;             // dual values of the rows to start from, NaN where unknown; may be empty
  // Asked once, near the optimum (merit below 1e-3): is the point worth refining? May be empty.
  std::function<bool(const Point&)> proceed;
};

struct InteriorResult {
  Point point, rounded;  // rounded: with weights exactly 0 or exactly at +-N where the multipliers say so
  double norm = 0;       // the solver's own N, a little above ||t||
  Vector alpha, beta;    // dual values of each inequality row: the derivatives by r_i and by |r_i| + eps N
  int iterations = 0;
  double product = 0;  // mean of the products at the end
  double merit = 0;    // what tol was compared with
};

// Mehrotra's primal-dual method from `start`, with all products alike. Source: Mehrotra 1992; block
// elimination as in the comments of finite_ipm.cpp.
InteriorResult interior_point(Attack attack, double eps, int d, bool intercept, const InequalityRows& rows,
                              SmoothModel* smooth, const Point& start, const InteriorOptions& options);

}  // namespace advspur::theory
