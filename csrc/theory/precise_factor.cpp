#include "theory/precise_factor.h"

#include <vector>

#include "theory/dense.h"
#include "theory/twofold.h"

namespace advspur::theory {

int64_t precise_factor(int64_t d, const double* cov, double tiny, double* rows, double* values) {
  std::vector<Twofold> factor(static_cast<size_t>(d * d)), left(static_cast<size_t>(d));
  for (int64_t i = 0; i < d; ++i) left[i] = cov[i * d + i];
  int64_t rank = 0;
  for (; rank < d; ++rank) {
    int64_t pivot = -1;
    for (int64_t i = 0; i < d; ++i) {
      if (left[i].high > tiny * cov[i * d + i] && (pivot < 0 || left[i] > left[pivot])) pivot = i;
    }
    if (pivot < 0) break;
    Twofold* row = factor.data() + rank * d;
    const Twofold size = root(left[pivot]);
    for (int64_t i = 0; i < d; ++i) {
      if (left[i].high == 0) continue;  // done: its entry is 0
      Twofold x = cov[pivot * d + i];
      for (int64_t k = 0; k < rank; ++k) x -= factor[k * d + pivot] * factor[k * d + i];
      row[i] = i == pivot ? size : x / size;
      left[i] -= row[i] * row[i];
      if (!(left[i].high > 0)) left[i] = 0.0;
    }
    left[pivot] = 0.0;
    for (int64_t i = 0; i < d; ++i) rows[rank * d + i] = row[i].high;
    values[rank] = dense::dot(d, rows + rank * d, rows + rank * d);
  }
  return rank;
}

}  // namespace advspur::theory
