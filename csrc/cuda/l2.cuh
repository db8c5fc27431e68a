// The l2 step of a sample: three sums decide it.
#pragma once

#include "core/ball.h"
#include "cuda/team.cuh"

namespace advspur::cuda {

// |g|^2, <g, x - x0>, |x - x0|^2 of one element.
__device__ __forceinline__ void l2_terms(float x, float x0, float g, double* out) {
  const double g_i = finite_or_zero(g), d_i = x - x0;
  out[0] = g_i * g_i;
  out[1] = g_i * d_i;
  out[2] = d_i * d_i;
}

__device__ __forceinline__ PlanL2 plan_by_team(Team<true>& team, const Column<true>& x,
                                               const Column<true>& x0, const Column<true>& g, float eps,
                                               float size) {
  double sums[3];
  team.total<3>([&](int i, double* value) { l2_terms(x[i], x0[i], g[i], value); }, sums);
  return plan_l2(sums[0], sums[1], sums[2], eps, size);
}

}  // namespace advspur::cuda
