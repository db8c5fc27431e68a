#include "cpu/l1.h"

#include <cstring>
#include <vector>

#include "core/ball.h"
#include "core/macros.h"
#include "core/reduce.h"

namespace advspur::cpu {
namespace {

struct TermBox {
  const float *v, *x0;
  float t;
  ADVSPUR_HD Soft operator()(int64_t i) const { return soft_of(absolute(v[i]), room_of(v[i], x0[i]), t); }
};

struct TermBall {
  const float* v;
  float t;
  ADVSPUR_HD Soft operator()(int64_t i) const { return soft_of(absolute(v[i]), HUGE_VALF, t); }
};

// out: the sum, in the fixed order, and the count of a chunk.
template <class Term>
ADVSPUR_HD void level_chunk(int64_t count, const Term& term, double* out) {
  double lane[kLanes] = {};
  uint32_t inside[kLanes] = {};
  for_lanes(count, [&](int64_t i, int l) ADVSPUR_INLINE {
    const Soft u = term(i);
    lane[l] += u.value;
    inside[l] += u.inside;
  });
  uint32_t total = 0;
  for (int l = 0; l < kLanes; ++l) total += inside[l];
  out[0] = fold_lanes(lane);
  out[1] = total;
}

// As TermBox, but in double, and of what is left once x0 + u is rounded to a float.
struct TermRounded {
  const float *v, *x0;
  double t;
  ADVSPUR_HD void operator()(int64_t i, double* out) const {
    const double left = absolute(v[i]) - t, room = room_of(v[i], x0[i]);
    const float u = static_cast<float>(soft(absolute(v[i]), t, room));
    const float x = clamp(x0[i] + (v[i] < 0.0f ? -u : u), 0.0f, 1.0f);
    out[0] = std::fabs(static_cast<double>(x) - static_cast<double>(x0[i]));
    out[1] = (left > 0.0) & (left < room) ? 1.0 : 0.0;
  }
};

ADVSPUR_CLONES void sums_box(const float* v, const float* x0, int64_t count, float t, double* out) {
  level_chunk(count, TermBox{v, x0, t}, out);
}
ADVSPUR_CLONES void sums_ball(const float* v, int64_t count, float t, double* out) {
  level_chunk(count, TermBall{v, t}, out);
}
ADVSPUR_CLONES void sums_rounded(const float* v, const float* x0, int64_t count, double t, double* out) {
  sum_chunk<2>(count, TermRounded{v, x0, t}, out);
}

ADVSPUR_CLONES float max_abs(const float* v, int64_t n) {
  uint32_t most = 0;  // the order of non-negative floats is the order of their bits
  for (int64_t i = 0; i < n; ++i) most = size_bits(v[i]) > most ? size_bits(v[i]) : most;
  return from_bits(most);
}

ADVSPUR_CLONES void write_delta(float* v, const float* x0, int64_t n, double t) {
  for (int64_t i = 0; i < n; ++i) {
    const float u = static_cast<float>(soft(absolute(v[i]), t, room_of(v[i], x0[i])));
    v[i] = v[i] < 0.0f ? -u : u;
  }
}
ADVSPUR_CLONES void write_delta_ball(float* v, int64_t n, double t) {
  for (int64_t i = 0; i < n; ++i) {
    const float u = static_cast<float>(soft(absolute(v[i]), t, HUGE_VAL));
    v[i] = v[i] < 0.0f ? -u : u;
  }
}
ADVSPUR_CLONES void write_point(float* v, const float* x0, int64_t n, double t) {
  for (int64_t i = 0; i < n; ++i) {
    const float u = static_cast<float>(soft(absolute(v[i]), t, room_of(v[i], x0[i])));
    v[i] = clamp(x0[i] + (v[i] < 0.0f ? -u : u), 0.0f, 1.0f);
  }
}

// chunk_sums(chunk, start, count, out): a sample's Level from its chunks, in the fixed order.
template <class ChunkSums>
Level level_of(int64_t n, const ChunkSums& chunk_sums) {
  double lane[2][kLanes] = {};
  const int64_t chunks = chunks_of(n);
  for (int64_t c = 0; c < chunks; ++c) {
    double out[2];
    chunk_sums(c * kChunk, chunk_size(n, c), out);
    lane[0][c % kLanes] += out[0];
    lane[1][c % kLanes] += out[1];
  }
  return {fold_lanes(lane[0]), fold_lanes(lane[1])};
}

double threshold_from(const float* v, const float* x0, int64_t n, double eps, float top, double guess) {
  return find_threshold(eps, top, guess, [&](float t) {
    return level_of(n, [&](int64_t start, int64_t count, double* out) {
      if (x0 == nullptr) {
        sums_ball(v + start, count, t, out);
      } else {
        sums_box(v + start, x0 + start, count, t, out);
      }
    });
  });
}

double threshold(const float* v, const float* x0, int64_t n, float eps) {
  const float top = max_abs(v, n);
  const int64_t m = probe_size(n);
  double guess = 0.0;
  if (m > 0) {
    std::vector<float> probe(static_cast<size_t>(x0 == nullptr ? m : 2 * m));
    for (int64_t i = 0; i < m; i += kRun) {
      std::memcpy(&probe[i], v + probe_index(i), kRun * sizeof(float));
      if (x0 != nullptr) std::memcpy(&probe[m + i], x0 + probe_index(i), kRun * sizeof(float));
    }
    const float* room = x0 == nullptr ? nullptr : &probe[m];
    guess = threshold_from(probe.data(), room, m, static_cast<double>(eps) * m / n, top, 0.0);
  }
  return threshold_from(v, x0, n, eps, top, guess);
}

}  // namespace

void project_l1(float* v, const float* x0, int64_t n, float eps) {
  const double t = threshold(v, x0, n, eps);
  if (x0 != nullptr) {
    write_delta(v, x0, n, t);
  } else if (t > 0.0) {
    write_delta_ball(v, n, t);
  }
}

void move_l1(float* x, const float* x0, int64_t n, float eps) {
  const double t = tighten_threshold(threshold(x, x0, n, eps), eps, [&](double level) {
    return level_of(n, [&](int64_t start, int64_t count, double* out) {
      sums_rounded(x + start, x0 + start, count, level, out);
    });
  });
  write_point(x, x0, n, t);
}

}  // namespace advspur::cpu
