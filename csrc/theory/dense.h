// Dense double-precision loops for problems too small, or too many at once, for a BLAS. Matrices are
// row-major with a leading dimension. Every sum runs in a fixed order: results do not depend on who calls or
// how many threads do.
#pragma once

#include <cstdint>

namespace advspur::theory::dense {

double dot(int64_t n, const double* x, const double* y);
void axpy(int64_t n, double a, const double* x, double* y);  // y += a x

// y += sum_k coefficient[k] x[k, :], x (m, n).
void add_rows(int64_t m, int64_t n, const double* coefficient, const double* x, int64_t ldx, double* y);

// y[i] = <x[i, :], v>, x (m, n).
void row_dots(int64_t m, int64_t n, const double* x, int64_t ldx, const double* v, double* y);

// c[i, j] += alpha sum_k a(k, i) b[k, j], c (m, n), b (depth, n) row-major, a(k, i) = a[k * a_k + i * a_i].
// With `lower`, blocks strictly above the diagonal of c may be left alone.
void add_product(int64_t m, int64_t n, int64_t depth, double alpha, const double* a, int64_t a_k, int64_t a_i,
                 const double* b, int64_t ldb, double* c, int64_t ldc, bool lower = false);

// c[j, i] = c[i, j] for i > j.
void mirror_lower(int64_t n, double* c, int64_t ldc);

// Lower Cholesky factor in place (the upper triangle is left alone). Returns 0, or 1 + the index of the first
// pivot that is not above `floor` times its diagonal entry.
int64_t cholesky(int64_t n, double* a, int64_t lda, double floor = 0.0);

// x = L'^-1 L^-1 x, or only the first half.
void solve_lower(int64_t n, const double* l, int64_t ldl, double* x);
void solve_cholesky(int64_t n, const double* l, int64_t ldl, double* x);

}  // namespace advspur::theory::dense
