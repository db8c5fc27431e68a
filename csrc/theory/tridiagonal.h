// Symmetric tridiagonal matrices T: `diagonal` (n) and `off` (n - 1 used).
#pragma once

#include <cstdint>

namespace advspur::theory {

// Eigenvalues of a tridiagonal matrix into d, and the first components of its eigenvectors into z: implicit
// QL (Golub & Welsch 1969). e (n - 1 used, n long) is destroyed. False if it does not converge.
bool first_components(int64_t n, double* d, double* e, double* z);

// (T + mu) x = (first, second, 0, ...) for a positive definite tridiagonal T. pivot (n) is scratch.
void solve_tridiagonal(int64_t n, const double* diagonal, const double* off, double mu, double first,
                       double second, double* pivot, double* x);

// The same for `count` mu at once, eight to a register: x (count, n). first, second and mu (count).
void solve_tridiagonals(int64_t count, int64_t n, const double* diagonal, const double* off, const double* mu,
                        const double* first, const double* second, double* x);

}  // namespace advspur::theory
