#include "advspur/square.h"

#include <algorithm>
#include <cstring>

#include "core/macros.h"
#include "core/reduce.h"
#include "core/square.h"
#include "cpu/l1.h"

namespace advspur::cpu {
namespace {

// ---- linf: the window's content is at one or the other end of what ball and box allow

// A row of the window; returns whether anything changed.
ADVSPUR_CLONES bool paint_row(float* __restrict x, const float* __restrict best, const float* __restrict x0,
                              int64_t count, float eps, bool up) {
  uint32_t changed = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float new_x = up ? high_linf(x0[i], eps) : low_linf(x0[i], eps);
    changed |= to_bits(new_x) ^ to_bits(best[i]);
    x[i] = new_x;
  }
  return changed != 0;
}

bool paint(const Square& s, int64_t sample, const Windows& at, bool flip) {
  const float eps = s.eps[sample];
  bool changed = false;
  for (int64_t c = 0; c < s.channels; ++c) {
    const bool up = sign_of(s, sample, c) != flip;
    for (int64_t r = at.row; r < at.row + at.height; ++r) {
      const int64_t e = ((sample * s.channels + c) * s.height + r) * s.width + at.column;
      if (s.mask == nullptr) {
        changed |= paint_row(s.x + e, s.best + e, s.x0 + e, at.width, eps, up);
        continue;
      }
      const uint8_t* mask = s.mask + (sample * s.height + r) * s.width + at.column;
      for (int64_t i = 0; i < at.width; ++i) {
        if (mask[i] != 0) changed |= paint_row(s.x + e + i, s.best + e + i, s.x0 + e + i, 1, eps, up);
      }
    }
  }
  return changed;
}

void linf_sample(const Square& s, int64_t sample, const Windows& at) {
  // A query that asks what is known already is wasted: then the opposite signs.
  if (!paint(s, sample, at, false)) paint(s, sample, at, true);
}

// ---- l2 and l1: one window takes over the norm of another, and what the box had cut off

template <Norm kNorm>
struct TermAll {
  const float *best, *x0;
  ADVSPUR_HD void operator()(int64_t i, double* out) const { out[0] = window_term<kNorm>(best[i] - x0[i]); }
};

ADVSPUR_CLONES void all_l2(const float* best, const float* x0, int64_t count, double* out) {
  sum_chunk<1>(count, TermAll<Norm::kL2>{best, x0}, out);
}
ADVSPUR_CLONES void all_l1(const float* best, const float* x0, int64_t count, double* out) {
  sum_chunk<1>(count, TermAll<Norm::kL1>{best, x0}, out);
}
ADVSPUR_CLONES void differences(float* d, const float* best, const float* x0, int64_t n) {
  for (int64_t i = 0; i < n; ++i) d[i] = best[i] - x0[i];
}
ADVSPUR_CLONES void scaled_point(float* x, const float* x0, int64_t n, double factor) {
  for (int64_t i = 0; i < n; ++i) {
    x[i] = clamp(static_cast<float>(x0[i] + factor * static_cast<double>(x[i])), 0.0f, 1.0f);
  }
}

// Sums of a window in the order of core/reduce.h, its elements counted row by row. term(element, row, column,
// out).
template <int N, class Term>
void window_sums(int64_t height, int64_t width, const Term& term, double* total) {
  const int64_t n = height * width;
  double lane[N][kLanes] = {};
  for (int64_t chunk = 0; chunk < chunks_of(n); ++chunk) {
    double inner[N][kLanes] = {};
    for (int64_t i = 0; i < chunk_size(n, chunk); ++i) {
      const int64_t e = chunk * kChunk + i;
      double out[N];
      term(e, e / width, e % width, out);
      for (int j = 0; j < N; ++j) inner[j][i % kLanes] += out[j];
    }
    for (int j = 0; j < N; ++j) lane[j][chunk % kLanes] += fold_lanes(inner[j]);
  }
  for (int j = 0; j < N; ++j) total[j] = fold_lanes(lane[j]);
}

// Writes the new perturbation to s.x; returns the sum of its terms.
template <Norm kNorm>
double move_windows(const Square& s, int64_t sample, const Windows& at) {
  const int64_t pixels = s.height * s.width, n = s.channels * pixels, area = int64_t{at.height} * at.width;
  const float *best = s.best + sample * n, *x0 = s.x0 + sample * n;
  const uint8_t* mask = s.mask == nullptr ? nullptr : s.mask + sample * pixels;
  const float* tile = s.tiles + s.tile_at[sample] + (at.turned ? area : 0);
  float* d = s.x + sample * n;
  double lane[kLanes] = {};
  for (int64_t chunk = 0; chunk < chunks_of(n); ++chunk) {
    double out;
    (kNorm == Norm::kL2 ? all_l2 : all_l1)(best + chunk * kChunk, x0 + chunk * kChunk, chunk_size(n, chunk),
                                           &out);
    lane[chunk % kLanes] += out;
  }
  const double total = fold_lanes(lane), eps = s.eps[sample];
  double after = total;
  differences(d, best, x0, n);
  for (int64_t c = 0; c < s.channels; ++c) {
    const auto old_at = [&](int64_t r, int64_t q) {
      const int64_t e = c * pixels + r * s.width + q;
      return best[e] - x0[e];
    };
    double used[2];  // by the first window, and by what the second has beside it
    window_sums<2>(
        at.height, at.width,
        [&](int64_t, int64_t r, int64_t q, double* out) {
          out[0] = window_term<kNorm>(old_at(at.row + r, at.column + q));
          const int32_t r2 = at.row2 + static_cast<int32_t>(r), q2 = at.column2 + static_cast<int32_t>(q);
          out[1] = at.first(r2, q2) ? 0.0 : window_term<kNorm>(old_at(r2, q2));
        },
        used);
    const double norm1 = kNorm == Norm::kL2 ? std::sqrt(used[0]) : used[0];
    Repaint paint{sign_of(s, sample, c) ? 1.0f : -1.0f, norm1 > 0.0 ? 1.0 / norm1 : 0.0, 1.0};
    const auto new_at = [&](int64_t e, int64_t r, int64_t q) {
      if (mask != nullptr && mask[(at.row + r) * s.width + at.column + q] == 0) return 0.0;
      return repaint(paint, tile[e], old_at(at.row + r, at.column + q));
    };
    double made;
    window_sums<1>(
        at.height, at.width,
        [&](int64_t e, int64_t r, int64_t q, double* out) { out[0] = window_term<kNorm>(new_at(e, r, q)); },
        &made);
    const double length = kNorm == Norm::kL2 ? std::sqrt(made) : made;
    const double budget = budget_of<kNorm>(eps, total, used[0] + used[1], s.channels);
    paint.scale = length > 0.0 ? budget / length : 0.0;
    after += (length > 0.0 ? window_term<kNorm>(budget) : 0.0) - (used[0] + used[1]);
    for (int64_t e = 0; e < area; ++e) {
      d[c * pixels + (at.row2 + e / at.width) * s.width + at.column2 + e % at.width] = 0.0f;
    }
    for (int64_t e = 0; e < area; ++e) {
      const int64_t r = e / at.width, q = e % at.width;
      d[c * pixels + (at.row + r) * s.width + at.column + q] = static_cast<float>(new_at(e, r, q));
    }
  }
  return after;
}

void square_sample(const Square& s, int64_t sample) {
  const int64_t n = s.channels * s.height * s.width;
  const Windows at = windows_of(s, sample);
  s.window[2 * sample] = at.row;
  s.window[2 * sample + 1] = at.column;
  float* x = s.x + sample * n;
  const float* x0 = s.x0 + sample * n;
  if (s.norm == Norm::kLinf) {
    linf_sample(s, sample, at);
  } else if (s.norm == Norm::kL2) {
    const double total = move_windows<Norm::kL2>(s, sample, at);
    scaled_point(x, x0, n, to_sphere(total, s.eps[sample]));
  } else {
    move_windows<Norm::kL1>(s, sample, at);
    move_l1(x, x0, n, s.eps[sample]);
  }
}

}  // namespace

void square(const Square& s, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
  for (int64_t i = 0; i < s.samples; ++i) square_sample(s, i);
}

void square_settle(const Settle& s, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
  for (int64_t i = 0; i < s.samples; ++i) {
    const float* from = s.accepted[i] != 0 ? s.x : s.best;
    float* to = s.accepted[i] != 0 ? s.best : s.x;
    const int64_t row = held(s.window[2 * i], 0, s.height), column = held(s.window[2 * i + 1], 0, s.width);
    const int64_t height = held(s.side[2 * i], 0, s.height - row);
    const size_t bytes = sizeof(float) * static_cast<size_t>(held(s.side[2 * i + 1], 0, s.width - column));
    for (int64_t c = 0; c < s.channels; ++c) {
      for (int64_t r = row; r < row + height; ++r) {
        const int64_t e = ((i * s.channels + c) * s.height + r) * s.width + column;
        std::memcpy(to + e, from + e, bytes);
      }
    }
  }
}

}  // namespace advspur::cpu
