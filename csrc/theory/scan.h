// One pass over the features, vectorised: the loops that every radius or every step of a path runs.
#pragma once

#include <cstdint>

namespace advspur::theory::scan {

struct Sizes {
  double sum, largest;  // of magnitudes
};
Sizes sizes(int64_t n, const double* x);

struct MaskedSizes {
  double sum, masked_sum, masked_squares;
};
MaskedSizes masked_sizes(int64_t n, const double* x, const double* mask);  // mask of 0 and 1

// max_j |pull_j + weight g_j|, g the best subgradient of ||.||_1 at theta.
double lasso_defect(int64_t n, const double* theta, const double* pull, double weight);

// sum weight_i |x_i|.
double weighted_size(int64_t n, const double* weight, const double* x);

// Sum of deviation |error|; sum and largest of |theta - truth - error|.
struct Doubt {
  double size, sum, largest;
};
Doubt doubt(int64_t n, const double* deviation, const double* theta, const double* truth,
            const double* error);

// max |pull_j| over theta_j = 0.
double largest_at_zero(int64_t n, const double* theta, const double* pull);

// max(0, slack_j scale - m_j) over |theta_j| = top, m_j = -sign(theta_j) pull_j its multiplier.
double edge_excess(int64_t n, const double* theta, const double* pull, double top, const double* slack,
                   double scale);

// out = outside |fixed - lambda moving|.
void correlations(int64_t n, const double* outside, const double* fixed, const double* moving, double lambda,
                  double* out);

// The first i >= from with x[i] >= bound, n if there is none: a search that mostly finds nothing.
int64_t first_at_least(int64_t n, const double* x, int64_t from, double bound);

// seen[i] += |x[i]|.
void add_magnitudes(int64_t n, const double* x, double* seen);

// Weighted sums of the lasso path: over outside features theta* fixed and |theta*| deviation, over members
// |fixed| deviation and its largest.
struct Fit {
  double unexplained, outside, total, largest;
};
Fit lasso_fit(int64_t n, const double* outside, const double* theta, const double* fixed,
              const double* deviation);

// The lambda at which a correlation outside reaches +-lambda; 0 inside and where it never does.
void join_times(int64_t n, const double* outside, const double* fixed, const double* moving, double* time);

// The N at which a multiplier at the bound (sign != 0) reaches 0; inf where it never does.
void leave_times(int64_t n, const double* sign, const double* fixed, const double* moving,
                 const double* floor, double* time);

}  // namespace advspur::theory::scan
