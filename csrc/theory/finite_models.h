// The two smooth models of rows that are not inequalities.
#pragma once

#include "theory/finite_problem.h"

namespace advspur::theory {

// All rows at once, with the mean |r| replaced by sqrt(2/pi) times the root mean square: the population risk
// with sample moments. Close to the optimum for every eps; it chooses which rows to carry. Needs centred data
// under an intercept.
class PlugInModel final : public SmoothModel {
 public:
  PlugInModel(const FiniteSample& sample, const Vector& gram, const Vector& xty, double yy, double eps)
      : n_(sample.n), d_(sample.d), gram_(gram), xty_(xty), yy_(yy), eps_(eps) {}
  void evaluate(const Point& point, double norm, SmoothPart& part) override;

 private:
  int n_, d_;
  const Vector &gram_, &xty_;
  double yy_, eps_;
};

// The rows outside `kept` with the signs of their residuals held fixed: a quadratic.
class FixedSignModel final : public SmoothModel {
 public:
  // kept: bool (n,); kept_x: the kept rows of X, packed. gram: X'X lower.
  FixedSignModel(const FiniteSample& sample, const Vector& gram, const Vector& xty,
                 const std::vector<char>& kept, const Vector& kept_x, const Vector& r, double eps);
  void evaluate(const Point& point, double norm, SmoothPart& part) override;

 private:
  int d_, count_ = 0;
  double eps_;
  Vector base_, xty_, signed_x_, sum_x_;  // over the rows outside: X'X, X'y, X's, X'1
  double yy_ = 0, signed_y_ = 0, sum_y_ = 0, signs_ = 0;
};

}  // namespace advspur::theory
