// A pivoted Cholesky factor in 32 digits, for covariances that are nearly or exactly singular.
#pragma once

#include <cstdint>

namespace advspur::theory {

// cov = sum_k rows[k]' rows[k], rows (rank, d), values[k] = |rows[k]|^2; returns the rank. A feature of which
// less than `tiny` of its variance is left depends on those before.
int64_t precise_factor(int64_t d, const double* cov, double tiny, double* rows, double* values);

}  // namespace advspur::theory
