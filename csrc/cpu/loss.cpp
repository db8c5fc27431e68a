#include "advspur/loss.h"

#include <algorithm>

#include "core/exp.h"
#include "core/loss.h"
#include "core/macros.h"
#include "core/reduce.h"

namespace advspur::cpu {
namespace {

struct TermValue {
  const float* z;
  ADVSPUR_HD void operator()(int64_t i, double* out) const { out[0] = z[i]; }
};
struct TermDeviation {
  const float* z;
  double mean;
  ADVSPUR_HD void operator()(int64_t i, double* out) const { out[0] = std::fabs(z[i] - mean); }
};
// e^(z_i - most), 0 for the class that stands alone.
struct TermExp {
  const float* z;
  float spread, most;
  int64_t apart;
  ADVSPUR_HD void operator()(int64_t i, double* out) const {
    const float e = exp_negative(z[i] / spread * kSpread - most);
    out[0] = i == apart ? 0.0f : e;
  }
};

ADVSPUR_CLONES void sum_values(const float* z, int64_t count, double* out) {
  sum_chunk<1>(count, TermValue{z}, out);
}
ADVSPUR_CLONES void sum_deviations(const float* z, double mean, int64_t count, double* out) {
  sum_chunk<1>(count, TermDeviation{z, mean}, out);
}
ADVSPUR_CLONES void sum_exp(const float* z, float spread, float most, int64_t apart, int64_t count,
                            double* out) {
  sum_chunk<1>(count, TermExp{z, spread, most, apart}, out);
}
ADVSPUR_CLONES void write_exp(const float* z, float spread, float most, float scale, int64_t k, float* grad) {
  for (int64_t i = 0; i < k; ++i) grad[i] = exp_negative(z[i] / spread * kSpread - most) * scale;
}
ADVSPUR_CLONES bool all_finite(const float* z, int64_t k) {
  uint32_t broken = 0;
  for (int64_t i = 0; i < k; ++i) broken |= ~finite_mask(z[i]);
  return broken == 0;
}

// f(start, count, out): the sum over a row from its chunks, in the fixed order.
template <class F>
double row_sum(int64_t k, const F& f) {
  double lane[kLanes] = {};
  for (int64_t c = 0; c < chunks_of(k); ++c) {
    double out;
    f(c * kChunk, chunk_size(k, c), &out);
    lane[c % kLanes] += out;
  }
  return fold_lanes(lane);
}

float spread_of(const float* z, int64_t k) {
  if (k == 2) return 1.0f;
  const double mean = row_sum(k, [&](int64_t s, int64_t n, double* out) { sum_values(z + s, n, out); }) / k;
  const double sum =
      row_sum(k, [&](int64_t s, int64_t n, double* out) { sum_deviations(z + s, mean, n, out); });
  const float spread = static_cast<float>(sum / k);
  return spread > 0.0f && spread < HUGE_VALF ? spread : 1.0f;
}

void cross_entropy_row(const Loss& s, int64_t row, const float* z, int64_t t, float spread) {
  const int64_t apart = t >= 0 ? t : s.label[row];
  float most = -HUGE_VALF;
  for (int64_t i = 0; i < s.k; ++i) most = i != apart && z[i] > most ? z[i] : most;
  most = most / spread * kSpread;
  const double mass = row_sum(s.k, [&](int64_t start, int64_t n, double* out) {
    sum_exp(z + start, spread, most, apart - start, n, out);
  });
  const float others = static_cast<float>(most + std::log(mass)), own = z[apart] / spread * kSpread;
  s.value[row] = t >= 0 ? own - others : others - own;
  if (s.grad == nullptr) return;
  const float sign = (t >= 0 ? -1.0f : 1.0f) * kSpread / spread;
  float* grad = s.grad + row * s.k;
  write_exp(z, spread, most, sign / static_cast<float>(mass), s.k, grad);
  grad[apart] = -sign;
}

void weighted_row(const Loss& s, int64_t row, const float* z, int64_t t, float spread) {
  Top top;
  for (int64_t i = 0; i < s.k; ++i) {
    if (z[i] > top.value[3] || top.index[3] < 0) insert(top, z[i], static_cast<int32_t>(i));
  }
  const Weights w =
      weigh(s.kind, z, top, static_cast<int32_t>(s.label[row]), static_cast<int32_t>(t), s.k, spread);
  s.value[row] = w.value;
  if (s.grad == nullptr) return;
  float* grad = s.grad + row * s.k;
  std::fill(grad, grad + s.k, 0.0f);
  for (int j = 0; j < 6; ++j) {
    if (w.index[j] >= 0) grad[w.index[j]] += w.weight[j];
  }
}

void loss_row(const Loss& s, int64_t row) {
  const float* z = s.logits + row * s.stride;
  const int64_t t = s.target == nullptr ? -1 : s.target[row];
  if (!all_finite(z, s.k)) {
    s.value[row] = std::nanf("");
    if (s.grad != nullptr) std::fill(s.grad + row * s.k, s.grad + (row + 1) * s.k, 0.0f);
    return;
  }
  const float spread = spread_of(z, s.k);
  if (s.kind == LossKind::kCrossEntropy) {
    cross_entropy_row(s, row, z, t, spread);
  } else {
    weighted_row(s, row, z, t, spread);
  }
}

}  // namespace

void loss(const Loss& s, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (s.rows * s.k > 4096 && threads > 1)
  for (int64_t row = 0; row < s.rows; ++row) loss_row(s, row);
}

}  // namespace advspur::cpu
