// The covariance after principal pivots: with P the pivoted-in features and R the others,
//   T[P, P] = -cov[P, P]^-1,   T[R, P] = cov[R, P] cov[P, P]^-1,   T[R, R] = cov[R, R] - cov[R, P] cov[P,
//   P]^-1 cov[P, R].
// One pivot in or out is a symmetric rank-one change. Above a small size the changes wait and are applied
// together, as one matrix product, so a step of a path costs O(d) times the few that wait instead of O(d^2)
// memory traffic. A path that ends before that never copies the covariance.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace advspur::theory {

class Tableau {
 public:
  // Starts again from a covariance (d, d), symmetric to the last bit, which must stay alive. few: far fewer
  // than d pivots are expected, so more changes may wait.
  void reset(int64_t d, const double* cov, bool few);

  void column(int64_t j, double* out);  // out (d)

  // Moves j in (or out) of P; `column` is its current column.
  void pivot(int64_t j, const double* column, bool in);

  // True once after changes were applied together: a moment to correct what was carried along (see multiply).
  bool settled();

  bool direct() const { return capacity_ == 0; }  // no changes ever wait

  // out = T x, right after settled() or if direct(); x, out (d).
  void multiply(const double* x, double* out) const;

  // A right-hand side y as (cov[P, P]^-1 y[P]; y[R] - cov[R, P] cov[P, P]^-1 y[P]), carried over the same
  // pivot.
  static void carry(int64_t d, double* y, int64_t j, const double* column, bool in);

 private:
  void flush();

  int64_t d_ = 0, waiting_ = 0, capacity_ = 0;
  bool settled_ = false;
  int64_t rows_size_ = 0;
  const double* base_ = nullptr;  // the covariance, until changes were applied to its copy, table_
  std::vector<double> table_;     // (d, d); the lower triangle alone counts if capacity_ > 0
  // Waiting change k: - rows_[k]' inverse_[k] rows_[k], then row and column feature_[k] are written anew, as
  // written_[k] rows_[k] and -inverse_[k] on the diagonal. last_: a feature's latest waiting change, or -1.
  std::unique_ptr<double[]> rows_;
  std::vector<double> inverse_, written_, weights_;
  std::vector<int64_t> feature_, last_;
};

}  // namespace advspur::theory
