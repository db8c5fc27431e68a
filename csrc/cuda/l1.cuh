// The l1 ball and the box, one block of kBlock threads a sample: the passes of cpu/l1.cpp over data that
// stays in the L2 cache. Every thread runs the same search and gets the same sums, so the block never
// diverges.
#pragma once

#include "core/ball.h"
#include "cuda/reduce.cuh"

namespace advspur::cuda {

struct L1Shared {
  double sums[2 * kWarps + 2];
  uint32_t most;
};

__device__ __forceinline__ float block_max_abs(const float* v, int64_t n, L1Shared& shared) {
  if (threadIdx.x == 0) shared.most = 0;
  __syncthreads();
  uint32_t most = 0;
  for (int64_t i = threadIdx.x; i < n; i += kBlock) most = max(most, size_bits(v[i]));
  atomicMax(&shared.most, most);
  __syncthreads();
  return from_bits(shared.most);
}

// The threshold of the elements at(0), ..., at(n - 1). x0 null: no box.
template <class At>
__device__ __forceinline__ double block_threshold_from(const float* v, const float* x0, int64_t n, double eps,
                                                       float top, double guess, const At& at,
                                                       L1Shared& shared) {
  return find_threshold(eps, top, guess, [&](float t) {
    return block_level(
        n,
        [&](int64_t i, double* out) {
          const float v_i = v[at(i)];
          const Soft u = soft_of(absolute(v_i), x0 == nullptr ? HUGE_VALF : room_of(v_i, x0[at(i)]), t);
          out[0] = u.value;
          out[1] = u.inside;
        },
        shared.sums);
  });
}

__device__ __forceinline__ double block_threshold(const float* v, const float* x0, int64_t n, float eps,
                                                  L1Shared& shared) {
  const float top = block_max_abs(v, n, shared);
  const int64_t m = probe_size(n);
  double guess = 0.0;
  if (m > 0) {
    const auto probe = [](int64_t i) { return probe_index(i); };
    guess = block_threshold_from(v, x0, m, static_cast<double>(eps) * m / n, top, 0.0, probe, shared);
  }
  return block_threshold_from(v, x0, n, eps, top, guess, [](int64_t i) { return i; }, shared);
}

__device__ __forceinline__ float soft_signed(float v, double t, double room) {
  const float u = static_cast<float>(soft(absolute(v), t, room));
  return v < 0.0f ? -u : u;
}

// v <- its projection u.
__device__ __forceinline__ void block_project_l1(float* v, const float* x0, int64_t n, float eps,
                                                 L1Shared& shared) {
  const double t = block_threshold(v, x0, n, eps, shared);
  if (x0 == nullptr && !(t > 0.0)) return;
  for (int64_t i = threadIdx.x; i < n; i += kBlock) {
    v[i] = soft_signed(v[i], t, x0 == nullptr ? HUGE_VAL : static_cast<double>(room_of(v[i], x0[i])));
  }
}

// x holds v and ends as x0 + u.
__device__ __forceinline__ void block_move_l1(float* x, const float* x0, int64_t n, float eps,
                                              L1Shared& shared) {
  const auto point = [&](int64_t i, double t) {
    return clamp(x0[i] + soft_signed(x[i], t, room_of(x[i], x0[i])), 0.0f, 1.0f);
  };
  const double exact = block_threshold(x, x0, n, eps, shared);
  const double t = tighten_threshold(exact, eps, [&](double level) {
    return block_level(
        n,
        [&](int64_t i, double* out) {
          const double left = absolute(x[i]) - level, room = room_of(x[i], x0[i]);
          out[0] = std::fabs(static_cast<double>(point(i, level)) - static_cast<double>(x0[i]));
          out[1] = left > 0.0 && left < room ? 1.0 : 0.0;
        },
        shared.sums);
  });
  for (int64_t i = threadIdx.x; i < n; i += kBlock) x[i] = point(i, t);
}

}  // namespace advspur::cuda
