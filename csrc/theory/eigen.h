// Spectra of covariances.
#pragma once

#include <cstdint>
#include <vector>

namespace advspur::theory {

// cov = sum_k rows[k]' rows[k] with orthogonal rows (rank, d): eigenvectors times the square roots of their
// eigenvalues. Null directions are left out, judged per feature: graded matrices keep their small eigenvalues
// to full relative accuracy (pivoted Cholesky, then one-sided Jacobi rotations; Demmel & Veselic 1992). For
// small d.
int64_t eigen_factor(int64_t d, const double* cov, std::vector<double>& rows, std::vector<double>& values);

}  // namespace advspur::theory
