// The l2 step that the box does not shorten. One thread a sample: an image of 32x32 with its gradient and its
// clean copy stays in the nearest cache, so that the passes of the climb cost little.
#include "cpu/step_long.h"

#include <vector>

#include "core/climb.h"
#include "core/macros.h"
#include "cpu/chunks.h"

namespace advspur::cpu {
namespace {

struct TermClimb {
  const float *x, *g;
  double square;
  ADVSPUR_HD void operator()(int64_t i, double* out) const { long_climb_terms(x[i], g[i], square, out); }
};

struct TermLength {
  const float *x, *x0, *g;
  double s;
  ADVSPUR_HD void operator()(int64_t i, double* out) const { *out = long_length_term(x[i], x0[i], g[i], s); }
};

ADVSPUR_CLONES void climb_chunk(const float* x, const float* g, int64_t count, double square, double* out) {
  sum_chunk<2>(count, TermClimb{x, g, square}, out);
}

ADVSPUR_CLONES void length_chunk(const float* x, const float* x0, const float* g, int64_t count, double s,
                                 double* out) {
  sum_chunk<1>(count, TermLength{x, x0, g, s}, out);
}

ADVSPUR_CLONES void move_all(float* out, const float* x, const float* x0, const float* g, int64_t n, double s,
                             double shrink) {
  for (int64_t i = 0; i < n; ++i) out[i] = long_step(x[i], x0[i], g[i], s, shrink);
}

// x and grad of a sample, with the clean value and 0 where the mask forbids to move.
struct Masked {
  std::vector<float> x, grad;

  void fill(const Step& s, int64_t sample) {
    const int64_t n = s.batch.n, at = sample * n;
    x.resize(static_cast<size_t>(n)), grad.resize(static_cast<size_t>(n));
    for (int64_t chunk = 0; chunk < chunks_of(n); ++chunk) {
      uint8_t tile[kChunk];
      const uint8_t* mask = mask_of_chunk(s.mask, n, sample, chunk, tile);
      const int64_t start = chunk * kChunk;
      for (int64_t i = 0; i < chunk_size(n, chunk); ++i) {
        x[start + i] = mask[i] ? s.x[at + start + i] : s.x0[at + start + i];
        grad[start + i] = mask[i] ? s.grad[at + start + i] : 0.0f;
      }
    }
  }
};

void step_long_sample(const Step& s, int64_t sample, Masked& masked) {
  const int64_t n = s.batch.n, at = sample * n;
  const float *x = s.x + at, *x0 = s.x0 + at, *g = s.grad + at;
  if (s.mask.data != nullptr) {
    masked.fill(s, sample);
    x = masked.x.data(), g = masked.grad.data();
  }
  bool moves = false;
  const double size = s.step_size[sample];
  const double square = climb(size * size, [&](double t) {
    double total[2];
    sample_sums<2>(
        n,
        [&](int64_t start, int64_t count, double* out) { climb_chunk(x + start, g + start, count, t, out); },
        total);
    moves |= total[1] > 0.0;  // asked first at 0, where all that have room are free
    return Climb{total[0], total[1]};
  });
  s.moved[sample] = moves;
  if (!moves) return;
  const double scale = std::sqrt(square);
  double length;
  sample_sums<1>(
      n,
      [&](int64_t start, int64_t count, double* out) {
        length_chunk(x + start, x0 + start, g + start, count, scale, out);
      },
      &length);
  move_all(s.x + at, x, x0, g, n, scale, long_shrink(length, s.eps[sample]));
}

}  // namespace

void step_long_batch(const Step& s, int threads) {
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    Masked masked;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < s.batch.samples; ++i) step_long_sample(s, i, masked);
  }
}

}  // namespace advspur::cpu
