// The linear system of one interior-point step: a large symmetric positive definite block with a few borders.
//
//   [ H   P + X'W1 ] [dt]   [r ]      H = curvature base + X'WX + E,  (d, d); W, E diagonal
//   [ .'     C     ] [db] = [rb]      P (d, m), C (m, m) symmetric, indefinite; X'W1 stands in the column of
//   the intercept
//
// With at least as many rows as columns H is factored. With fewer, and no base, t is eliminated instead and a
// matrix of the rows' size is factored; the unknowns are then W (X dt + 1 db), so that X dt + 1 db comes out
// with small relative error where W is huge (rows that the solution fits exactly). There 1/E is as huge where
// weights are free, so each solution is refined on the system before any elimination.
#pragma once

#include <vector>

namespace advspur::theory {

constexpr int kMaxBorders = 4;

class BorderedSystem {
 public:
  // by_columns: factor H even where there are fewer rows than columns.
  BorderedSystem(int d, bool by_columns) : d_(d), by_columns_(by_columns) {}

  // base: (d, d) lower triangle or null. x: (count, d) C order, w >= 0. e > 0 where there is no base.
  // Returns false if the matrix is not positive definite even after a small shift.
  bool factor(const double* base, double curvature, const double* x, const double* w, int count,
              const double* e);
  // p: column by column; c: in full; ones: the column that X'W1 (and its corner 1'W1) is added to, or -1.
  // One solve for all borders; `solve` then costs one pair of triangular solves.
  void border(int m, const double* p, const double* c, int ones);
  bool by_rows() const { return by_rows_; }
  // In place: r (d), rb (m). With drift (count), the rows move by X dt + 1 db + drift, and W times that
  // enters the first block instead of W (X dt + 1 db). change (count): how far they move.
  // passes: refinements on the system before any elimination.
  void solve(double* r, double* rb, const double* drift, double* change, int passes) const;

 private:
  void solve_once(double* r, double* rb, const double* drift, double* change) const;
  void solve_borders(const double* reduced, double* rb) const;

  int d_, m_ = 0, count_ = 0, ones_ = -1;
  bool by_columns_, by_rows_ = false;
  double curvature_ = 1;
  const double *base_ = nullptr, *x_ = nullptr, *w_ = nullptr,
               *e_ = nullptr;       // the caller's, alive until the last solve
  std::vector<double> factor_;      // Cholesky factor, of order k: d or count
  std::vector<double> scaled_;      // W^1/2 X, or W^1/2 X E^-1/2 by rows
  std::vector<double> inv_sqrt_e_;  // by rows
  std::vector<double> p_;           // (m, d) by rows: E^-1/2 P
  std::vector<double> b_, z_;       // border columns of the factored matrix (m, k) and its inverse times them
  std::vector<double> borders_;     // P as given
  mutable std::vector<double> work_;
  double given_[kMaxBorders * kMaxBorders] = {};   // C as given
  double corner_[kMaxBorders * kMaxBorders] = {};  // Schur complement of the borders
};

}  // namespace advspur::theory
