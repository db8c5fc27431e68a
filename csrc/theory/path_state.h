// What a path holds between calls: the reduced problem, its pieces or ridge, and the rows of the radii at
// work.
#pragma once

#include <cstdint>
#include <vector>

#include "advspur/theory.h"
#include "theory/certificate.h"
#include "theory/piecewise_path.h"
#include "theory/precise_path.h"
#include "theory/reduce.h"
#include "theory/ridge_path.h"

namespace advspur::theory {

constexpr int64_t kBlock = 64;  // radii whose certificates share one matrix product

struct Path::State {
  Attack attack = Attack::kL2;
  int64_t d = 0;
  const double* cov = nullptr;
  const double* theta = nullptr;
  const uint8_t* core = nullptr;
  double noise_std = 0, critical = 0, ridge_plateau = 0;
  Reduced reduced;
  LassoPath lasso;
  SpreadPath spread;
  PrecisePath precise;
  RidgePath ridge;
  PiecewisePath* pieces = nullptr;
  bool ridge_ready = false;
  bool apart = false;  // features of scales so far apart that all is done in 32 digits
  bool precise_ready = false;
  double row_length = 0;  // see certify(); 0 until wanted
  Candidate end;          // of the noise-free plateau
  Disagreement disagreement;
  std::vector<double> reach;              // see reach.h; empty until wanted
  int singular = -1, rest_singular = -1;  // not known yet
  std::vector<int64_t> order, used;
  std::vector<double> weights, error, pull, plateau, gradient, direction, gathered, packed, seen;
  std::vector<double> spurious;  // 1 where the feature is spurious

  const Gaussian& problem() const { return reduced.problem(); }
  void reset();  // path_state.cpp
  RidgePath& ridge_path();
  void extend(double eps);  // the pieces, down to eps
  void make_plateau();      // path_plateau.cpp
  void settle_plateau(const Piece& last);
  void answer_block(int64_t count, const int64_t* index, const double* eps, const Answers& out);
  void solve_ridge(int64_t count, const int64_t* index, const double* eps);
  void pulls(int64_t count);
  // The same from the precise path, whatever `pieces` is.
  Verdict answer_precise(double eps, double* row, double* lean, double* back, bool& on_plateau);
  double rows();
  Verdict judge(const Candidate& at, double eps);
  void report(int64_t i, double eps, const double* weights_reduced, const Verdict& verdict, bool unique,
              const Answers& out) const;
  void report_full(int64_t i, const double* full, const Answers& out) const;
  bool unique_at(const double* weights_row, const double* pull_row, const Verdict& verdict);
};

}  // namespace advspur::theory
