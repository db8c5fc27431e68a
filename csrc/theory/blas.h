// Dense algebra at BLAS speed without linking one: Python hands over the function pointers that scipy
// publishes.
//
// Matrices are column-major, as in Fortran; a C-contiguous (n, d) array is the column-major (d, n) matrix
// with leading dimension d. `uplo` is 'L' or 'U'. How many threads a call uses is the library's setting
// (threadpoolctl).
#pragma once

#include <cstdint>
#include <stdexcept>
#include <vector>

namespace advspur::theory {

// The Fortran symbols (32-bit integers), in the order in which native/blas.py passes them.
struct BlasTable {
  void (*dgemm)(char*, char*, int*, int*, int*, double*, double*, int*, double*, int*, double*, double*,
                int*);
  void (*dsyrk)(char*, char*, int*, int*, double*, double*, int*, double*, double*, int*);
  void (*dgemv)(char*, int*, int*, double*, double*, int*, double*, int*, double*, double*, int*);
  void (*dsymv)(char*, int*, double*, double*, int*, double*, int*, double*, double*, int*);
  void (*dtrsm)(char*, char*, char*, char*, int*, int*, double*, double*, int*, double*, int*);
  void (*dpotrf)(char*, int*, double*, int*, int*);
  void (*dpotrs)(char*, int*, int*, double*, int*, double*, int*, int*);
  void (*dsyevd)(char*, char*, int*, double*, int*, double*, double*, int*, int*, int*, int*);
  void (*dsytrd)(char*, int*, double*, int*, double*, double*, double*, double*, int*, int*);
  void (*dormtr)(char*, char*, char*, int*, int*, double*, int*, double*, double*, int*, double*, int*, int*);
};

// The table in use; `loaded` is false until Python has set it.
struct BlasState {
  BlasTable table{};
  bool loaded = false;
};
inline BlasState& blas_state() {
  static BlasState state;
  return state;
}
inline bool has_blas() {
  return blas_state().loaded;
}

namespace blas {

inline const BlasTable& table() {
  if (!blas_state().loaded) throw std::runtime_error("BLAS is not loaded: call pyadvspur.native.blas.load()");
  return blas_state().table;
}

// C = alpha op(A) op(B) + beta C, op(A) (m, k), op(B) (k, n).
inline void gemm(char ta, char tb, int m, int n, int k, double alpha, const double* a, int lda,
                 const double* b, int ldb, double beta, double* c, int ldc) {
  table().dgemm(&ta, &tb, &m, &n, &k, &alpha, const_cast<double*>(a), &lda, const_cast<double*>(b), &ldb,
                &beta, c, &ldc);
}

// C = alpha op(A) op(A)' + beta C, the triangle `uplo` of C (n, n); op(A) (n, k): A itself for 'N', A' for
// 'T'.
inline void syrk(char uplo, char trans, int n, int k, double alpha, const double* a, int lda, double beta,
                 double* c, int ldc) {
  table().dsyrk(&uplo, &trans, &n, &k, &alpha, const_cast<double*>(a), &lda, &beta, c, &ldc);
}

// y = alpha op(A) x + beta y, A (m, n) before op.
inline void gemv(char trans, int m, int n, double alpha, const double* a, int lda, const double* x,
                 double beta, double* y) {
  int one = 1;
  table().dgemv(&trans, &m, &n, &alpha, const_cast<double*>(a), &lda, const_cast<double*>(x), &one, &beta, y,
                &one);
}

// y = alpha A x + beta y, A symmetric, given by its triangle `uplo`.
inline void symv(char uplo, int n, double alpha, const double* a, int lda, const double* x, double beta,
                 double* y) {
  int one = 1;
  table().dsymv(&uplo, &n, &alpha, const_cast<double*>(a), &lda, const_cast<double*>(x), &one, &beta, y,
                &one);
}

// B = alpha op(A)^-1 B ('L') or alpha B op(A)^-1 ('R'); A triangular, B (m, n).
inline void trsm(char side, char uplo, char trans, char diag, int m, int n, double alpha, const double* a,
                 int lda, double* b, int ldb) {
  table().dtrsm(&side, &uplo, &trans, &diag, &m, &n, &alpha, const_cast<double*>(a), &lda, b, &ldb);
}

// Cholesky in place; 0, or the order of the first leading minor that is not positive.
inline int potrf(char uplo, int n, double* a, int lda) {
  int info = 0;
  table().dpotrf(&uplo, &n, a, &lda, &info);
  return info;
}

// Solves A X = B in place, A factored by potrf, B (n, columns).
inline void potrs(char uplo, int n, int columns, const double* a, int lda, double* b, int ldb) {
  if (uplo == 'L' && n <= 32) {  // shorter than the library's packing
    for (int c = 0; c < columns; ++c, b += ldb) {
      for (int j = 0; j < n; ++j) {
        const double* column = a + static_cast<std::int64_t>(j) * lda;
        const double x = b[j] /= column[j];
        for (int i = j + 1; i < n; ++i) b[i] -= column[i] * x;
      }
      for (int j = n - 1; j >= 0; --j) {
        const double* column = a + static_cast<std::int64_t>(j) * lda;
        double sum = b[j];
        for (int i = j + 1; i < n; ++i) sum -= column[i] * b[i];
        b[j] = sum / column[j];
      }
    }
    return;
  }
  int info = 0;
  table().dpotrs(&uplo, &n, &columns, const_cast<double*>(a), &lda, b, &ldb, &info);
}

// Eigenvalues (ascending) and, for 'V', eigenvectors in place: row k of the C-ordered array belongs to value
// k.
inline int syevd(char job, char uplo, int n, double* a, int lda, double* values) {
  int info = 0, ask = -1, integers = 0;
  double doubles = 0;
  table().dsyevd(&job, &uplo, &n, a, &lda, values, &doubles, &ask, &integers, &ask, &info);
  int n_doubles = static_cast<int>(doubles), n_integers = integers;
  std::vector<double> work(static_cast<size_t>(n_doubles));
  std::vector<int> integer_work(static_cast<size_t>(n_integers));
  table().dsyevd(&job, &uplo, &n, a, &lda, values, work.data(), &n_doubles, integer_work.data(), &n_integers,
                 &info);
  return info;
}

// Householder reduction to tridiagonal form in place; `uplo` 'L' leaves the first coordinate alone.
inline int sytrd(char uplo, int n, double* a, int lda, double* diagonal, double* off, double* tau) {
  int info = 0, ask = -1;
  double size = 0;
  table().dsytrd(&uplo, &n, a, &lda, diagonal, off, tau, &size, &ask, &info);
  int n_work = static_cast<int>(size);
  std::vector<double> work(static_cast<size_t>(n_work));
  table().dsytrd(&uplo, &n, a, &lda, diagonal, off, tau, work.data(), &n_work, &info);
  return info;
}

// C = Q C, Q the orthogonal matrix of sytrd, C (n, columns).
inline int ormtr(char uplo, int n, int columns, const double* a, int lda, const double* tau, double* c,
                 int ldc) {
  char left = 'L', plain = 'N';
  int info = 0, ask = -1;
  double size = 0;
  double *matrix = const_cast<double*>(a), *scales = const_cast<double*>(tau);
  table().dormtr(&left, &uplo, &plain, &n, &columns, matrix, &lda, scales, c, &ldc, &size, &ask, &info);
  int n_work = static_cast<int>(size);
  std::vector<double> work(static_cast<size_t>(n_work));
  table().dormtr(&left, &uplo, &plain, &n, &columns, matrix, &lda, scales, c, &ldc, work.data(), &n_work,
                 &info);
  return info;
}

}  // namespace blas
}  // namespace advspur::theory
