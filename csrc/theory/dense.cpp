#include "theory/dense.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/macros.h"
#include "theory/wide.h"

// Sums may contract here: the clones differ in their last bits, as any two instruction sets do in a long sum.
#pragma GCC optimize("fp-contract=fast")

namespace advspur::theory::dense {
namespace {

// Register tile of add_product: kTileI rows of c by kTileJ columns, both operands packed k by k.
constexpr int64_t kTileI = 4, kTileJ = 16, kDepth = 256, kRows = 64;
constexpr double kSharedWork = 2e7;  // multiplications beyond which threads share the rows

ADVSPUR_HD void tile(int64_t depth, const double* a, const double* b, double alpha, double* c, int64_t ldc,
                     int64_t rows, int64_t columns) {
  Wide s00{}, s01{}, s10{}, s11{}, s20{}, s21{}, s30{}, s31{};
  for (int64_t k = 0; k < depth; ++k, a += kTileI, b += kTileJ) {
    const Wide b0 = load(b), b1 = load(b + kWide);
    s00 += a[0] * b0, s01 += a[0] * b1;
    s10 += a[1] * b0, s11 += a[1] * b1;
    s20 += a[2] * b0, s21 += a[2] * b1;
    s30 += a[3] * b0, s31 += a[3] * b1;
  }
  const Wide sums[kTileI][2] = {{s00, s01}, {s10, s11}, {s20, s21}, {s30, s31}};
  for (int64_t i = 0; i < rows; ++i) {
    double* row = c + i * ldc;
    if (columns == kTileJ) {
      store(row, load(row) + alpha * sums[i][0]);
      store(row + kWide, load(row + kWide) + alpha * sums[i][1]);
    } else {
      for (int64_t j = 0; j < columns; ++j) row[j] += alpha * sums[i][j / kWide][j % kWide];
    }
  }
}

ADVSPUR_CLONES void row_block(int64_t rows, int64_t columns, int64_t depth, double alpha,
                              const double* packed_a, const double* packed_b, double* c, int64_t ldc) {
  for (int64_t j = 0; j < columns; j += kTileJ) {
    for (int64_t i = 0; i < rows; i += kTileI) {
      tile(depth, packed_a + i * depth, packed_b + j * depth, alpha, c + i * ldc + j, ldc,
           std::min(kTileI, rows - i), std::min(kTileJ, columns - j));
    }
  }
}

// One diagonal block of the factor.
ADVSPUR_CLONES int64_t factor_block(int64_t n, double* a, int64_t lda, double floor) {
  for (int64_t j = 0; j < n; ++j) {
    double* row = a + j * lda;
    for (int64_t k = 0; k < j; ++k) {
      row[k] = (row[k] - dot_inline(k, row, a + k * lda)) / a[k * lda + k];
    }
    const double pivot = row[j] - dot_inline(j, row, row);
    if (!(pivot > floor * row[j])) return j + 1;
    row[j] = __builtin_sqrt(pivot);
  }
  return 0;
}

// rows x <- x L'^-1 for sixteen rows at once, packed column by column.
ADVSPUR_CLONES void solve_panel(int64_t n, const double* l, int64_t ldl, double* x) {
  for (int64_t j = 0; j < n; ++j) {
    Wide p0 = load(x + j * 16), p1 = load(x + j * 16 + 8), q0{}, q1{};
    int64_t k = 0;
    for (; k + 2 <= j; k += 2) {
      p0 -= l[j * ldl + k] * load(x + k * 16), p1 -= l[j * ldl + k] * load(x + k * 16 + 8);
      q0 -= l[j * ldl + k + 1] * load(x + k * 16 + 16), q1 -= l[j * ldl + k + 1] * load(x + k * 16 + 24);
    }
    if (k < j) p0 -= l[j * ldl + k] * load(x + k * 16), p1 -= l[j * ldl + k] * load(x + k * 16 + 8);
    const double scale = 1 / l[j * ldl + j];
    store(x + j * 16, (p0 + q0) * scale);
    store(x + j * 16 + 8, (p1 + q1) * scale);
  }
}

}  // namespace

ADVSPUR_CLONES double dot(int64_t n, const double* x, const double* y) {
  return dot_inline(n, x, y);
}

ADVSPUR_CLONES void axpy(int64_t n, double a, const double* x, double* y) {
  for (int64_t i = 0; i < n; ++i) y[i] += a * x[i];
}

ADVSPUR_CLONES void add_rows(int64_t m, int64_t n, const double* coefficient, const double* x, int64_t ldx,
                             double* y) {
  int64_t k = 0;
  for (; k + 4 <= m; k += 4) {
    const double c0 = coefficient[k], c1 = coefficient[k + 1], c2 = coefficient[k + 2],
                 c3 = coefficient[k + 3];
    if (c0 == 0 && c1 == 0 && c2 == 0 && c3 == 0) continue;
    const double *x0 = x + k * ldx, *x1 = x0 + ldx, *x2 = x1 + ldx, *x3 = x2 + ldx;
    for (int64_t i = 0; i < n; ++i) y[i] += (c0 * x0[i] + c1 * x1[i]) + (c2 * x2[i] + c3 * x3[i]);
  }
  for (; k < m; ++k) {
    const double c0 = coefficient[k];
    const double* x0 = x + k * ldx;
    if (c0 == 0) continue;
    for (int64_t i = 0; i < n; ++i) y[i] += c0 * x0[i];
  }
}

ADVSPUR_CLONES void row_dots(int64_t m, int64_t n, const double* x, int64_t ldx, const double* v, double* y) {
  for (int64_t i = 0; i < m; ++i) y[i] = dot_inline(n, x + i * ldx, v);
}

void add_product(int64_t m, int64_t n, int64_t depth, double alpha, const double* a, int64_t a_k, int64_t a_i,
                 const double* b, int64_t ldb, double* c, int64_t ldc, bool lower) {
  const int64_t padded = (n + kTileJ - 1) / kTileJ * kTileJ;
  thread_local std::vector<double> buffer_b;
  buffer_b.resize(static_cast<size_t>(padded * std::min(depth, kDepth)));
  double* packed_b = buffer_b.data();
  for (int64_t k0 = 0; k0 < depth; k0 += kDepth) {
    const int64_t dk = std::min(kDepth, depth - k0);
    const bool shared =
        static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(dk) > kSharedWork;
#pragma omp parallel if (shared)
    {
#pragma omp for schedule(static)
      for (int64_t j = 0; j < padded; j += kTileJ) {
        double* out = packed_b + j * dk;
        const int64_t width = std::min(kTileJ, n - j);
        for (int64_t k = 0; k < dk; ++k, out += kTileJ) {
          const double* in = b + (k0 + k) * ldb + j;
          for (int64_t t = 0; t < kTileJ; ++t) out[t] = t < width ? in[t] : 0.0;
        }
      }
      thread_local std::vector<double> packed_a;
      packed_a.resize(static_cast<size_t>(kRows * std::min(depth, kDepth)));
#pragma omp for schedule(dynamic)
      for (int64_t i0 = 0; i0 < m; i0 += kRows) {
        const int64_t rows = std::min(kRows, m - i0);
        for (int64_t i = 0; i < rows; i += kTileI) {
          double* out = packed_a.data() + i * dk;
          for (int64_t k = 0; k < dk; ++k) {
            const double* in = a + (k0 + k) * a_k + (i0 + i) * a_i;
            for (int64_t t = 0; t < kTileI; ++t) *out++ = i + t < rows ? in[t * a_i] : 0.0;
          }
        }
        row_block(rows, lower ? std::min(n, i0 + rows) : n, dk, alpha, packed_a.data(), packed_b,
                  c + i0 * ldc, ldc);
      }
    }
  }
}

void mirror_lower(int64_t n, double* c, int64_t ldc) {
  constexpr int64_t kBlock = 32;
  for (int64_t i0 = 0; i0 < n; i0 += kBlock) {
    for (int64_t j0 = 0; j0 <= i0; j0 += kBlock) {
      for (int64_t i = i0; i < std::min(n, i0 + kBlock); ++i) {
        for (int64_t j = j0; j < std::min(i, j0 + kBlock); ++j) c[j * ldc + i] = c[i * ldc + j];
      }
    }
  }
}

int64_t cholesky(int64_t n, double* a, int64_t lda, double floor) {
  const int64_t kBlock = n < 1024 ? 64 : 128;
  if (n <= 64) return factor_block(n, a, lda, floor);
  std::vector<double> original(static_cast<size_t>(n)), panel(kBlock * 16),
      upper(static_cast<size_t>(kBlock * n));
  for (int64_t i = 0; i < n; ++i) original[i] = a[i * lda + i];
  for (int64_t j0 = 0; j0 < n; j0 += kBlock) {
    const int64_t nb = std::min(kBlock, n - j0), rest = n - j0 - nb;
    double* corner = a + j0 * lda + j0;
    const int64_t info = factor_block(nb, corner, lda, 0.0);
    if (info != 0) return j0 + info;
    for (int64_t j = 0; j < nb; ++j) {
      const double pivot = corner[j * lda + j];
      if (!(pivot * pivot > floor * original[j0 + j])) return j0 + j + 1;
    }
    double* below = corner + nb * lda;
#pragma omp parallel for schedule(static) firstprivate(panel) if (rest * nb * nb > 1 << 22)
    for (int64_t i0 = 0; i0 < rest; i0 += 16) {
      const int64_t rows = std::min<int64_t>(16, rest - i0);
      for (int64_t j = 0; j < nb; ++j) {
        for (int64_t i = 0; i < 16; ++i) panel[j * 16 + i] = i < rows ? below[(i0 + i) * lda + j] : 0.0;
      }
      solve_panel(nb, corner, lda, panel.data());
      for (int64_t j = 0; j < nb; ++j) {
        for (int64_t i = 0; i < rows; ++i) {
          below[(i0 + i) * lda + j] = upper[j * rest + i0 + i] = panel[j * 16 + i];
        }
      }
    }
    if (rest > 0) {
      add_product(rest, rest, nb, -1.0, upper.data(), rest, 1, upper.data(), rest, below + nb, lda, true);
    }
  }
  return 0;
}

ADVSPUR_CLONES void solve_lower(int64_t n, const double* l, int64_t ldl, double* x) {
  for (int64_t i = 0; i < n; ++i) x[i] = (x[i] - dot_inline(i, l + i * ldl, x)) / l[i * ldl + i];
}

ADVSPUR_CLONES void solve_cholesky(int64_t n, const double* l, int64_t ldl, double* x) {
  for (int64_t i = 0; i < n; ++i) x[i] = (x[i] - dot_inline(i, l + i * ldl, x)) / l[i * ldl + i];
  for (int64_t i = n - 1; i >= 0; --i) {
    const double* row = l + i * ldl;
    const double value = x[i] /= row[i];
    for (int64_t k = 0; k < i; ++k) x[k] -= value * row[k];
  }
}

}  // namespace advspur::theory::dense
