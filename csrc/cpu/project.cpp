#include "advspur/project.h"

#include <vector>

#include "core/ball.h"
#include "core/macros.h"
#include "cpu/chunks.h"
#include "cpu/l1.h"

namespace advspur::cpu {
namespace {

struct TermSquare {
  const float* d;
  ADVSPUR_HD void operator()(int64_t i, double* out) const {
    const double d_i = d[i];
    out[0] = d_i * d_i;
  }
};

ADVSPUR_CLONES void sum_squares(const float* d, int64_t count, double* out) {
  sum_chunk<1>(count, TermSquare{d}, out);
}

ADVSPUR_CLONES void clamp_chunk(float* d, int64_t count, float scale, float radius) {
  for (int64_t i = 0; i < count; ++i) d[i] = clamp(d[i] * scale, -radius, radius);
}

ADVSPUR_CLONES void clamp_chunk_box(float* d, const float* x0, int64_t count, float scale, float radius) {
  for (int64_t i = 0; i < count; ++i) {
    d[i] = clamp(clamp(d[i] * scale, -radius, radius), -x0[i], 1.0f - x0[i]);
  }
}

// Scale, clamp to +-radius, then to the box: linf is scale 1, l2 is radius infinity.
void clamp_sample(const Project& p, int64_t sample, int threads, float scale, float radius) {
  for_chunks(sample, sample + 1, p.batch.n, threads, [&](int64_t, int64_t chunk) {
    const int64_t at = sample * p.batch.n + chunk * kChunk, count = chunk_size(p.batch.n, chunk);
    if (p.x0 == nullptr) {
      clamp_chunk(p.delta + at, count, scale, radius);
    } else {
      clamp_chunk_box(p.delta + at, p.x0 + at, count, scale, radius);
    }
  });
}

void clear_masked(const Project& p, int64_t sample) {
  if (p.mask.data == nullptr) return;
  for (int64_t chunk = 0; chunk < chunks_of(p.batch.n); ++chunk) {
    uint8_t tile[kChunk];
    const uint8_t* mask = mask_of_chunk(p.mask, p.batch.n, sample, chunk, tile);
    float* d = p.delta + sample * p.batch.n + chunk * kChunk;
    for (int64_t i = 0; i < chunk_size(p.batch.n, chunk); ++i) d[i] = mask[i] ? d[i] : 0.0f;
  }
}

void project_l2(const Project& p, int64_t sample, int threads) {
  const int64_t n = p.batch.n, chunks = chunks_of(n);
  std::vector<double> sums(static_cast<size_t>(chunks));
  for_chunks(sample, sample + 1, n, threads, [&](int64_t, int64_t chunk) {
    sum_squares(p.delta + sample * n + chunk * kChunk, chunk_size(n, chunk), &sums[chunk]);
  });
  double total;
  sum_chunks<1>(sums.data(), chunks, &total);
  const float scale = shrink_l2(total, p.eps[sample]);
  if (scale < 1.0f || p.x0 != nullptr) clamp_sample(p, sample, threads, scale, HUGE_VALF);
}

}  // namespace

void project(const Project& p, int threads) {
  for_samples(p.batch.samples, threads, [&p](int64_t sample, int inner) {
    clear_masked(p, sample);
    if (p.norm == Norm::kLinf) {
      clamp_sample(p, sample, inner, 1.0f, p.eps[sample]);
    } else if (p.norm == Norm::kL2) {
      project_l2(p, sample, inner);
    } else {
      const int64_t start = sample * p.batch.n;
      project_l1(p.delta + start, p.x0 == nullptr ? nullptr : p.x0 + start, p.batch.n, p.eps[sample]);
    }
  });
}

}  // namespace advspur::cpu
