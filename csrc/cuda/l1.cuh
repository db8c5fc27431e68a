// The l1 ball and the box: the passes of cpu/l1.cpp, by a team.
#pragma once

#include "core/ball.h"
#include "cuda/team.cuh"

namespace advspur::cuda {

// The threshold at which the elements |v| come down to eps. kBox: each at most its room, that x0 leaves it.
template <bool kBox, class Team, class Values>
__device__ __forceinline__ double find_threshold_l1(Team& team, const Values& v, const Values& x0,
                                                    float eps) {
  uint32_t mine = 0;
  team.for_own([&](int i) {
    const uint32_t size = size_bits(*v.at(i));
    mine = size > mine ? size : mine;
  });
  const float top = from_bits(static_cast<uint32_t>(team.most(mine)));
  const auto add = [](float v_i, float x0_i, float t, double* out) {
    const Soft u = soft_of(absolute(v_i), kBox ? room_of(v_i, x0_i) : HUGE_VALF, t);
    out[0] = u.value;
    out[1] = u.inside;
  };
  const int m = static_cast<int>(probe_size(team.n));
  double guess = 0.0;
  if (m > 0) {
    guess = find_threshold(static_cast<double>(eps) * m / team.n, top, 0.0, [&](float t) {
      double out[2];
      team.template total_of<2>(
          m,
          [&](int i, double* value) {
            const int e = static_cast<int>(probe_index(i));
            add(v.far(e), kBox ? x0.far(e) : 0.0f, t, value);
          },
          out);
      return Level{out[0], out[1]};
    });
  }
  return find_threshold(eps, top, guess, [&](float t) {
    double out[2];
    team.template total<2>([&](int i, double* value) { add(v[i], kBox ? x0[i] : 0.0f, t, value); }, out);
    return Level{out[0], out[1]};
  });
}

__device__ __forceinline__ float soft_signed(float v, double t, double room) {
  const float u = static_cast<float>(soft(absolute(v), t, room));
  return v < 0.0f ? -u : u;
}

__device__ __forceinline__ float l1_point(float v, float x0, double t) {
  return clamp(x0 + soft_signed(v, t, room_of(v, x0)), 0.0f, 1.0f);
}

// out <- x0 + u, where u is the projection of v. out may be where v lies.
template <class Team, class Values>
__device__ __forceinline__ void move_l1(Team& team, float* out, const Values& v, const Values& x0,
                                        float eps) {
  const double exact = find_threshold_l1<true>(team, v, x0, eps);
  const double t = tighten_threshold(exact, eps, [&](double level) {
    double sums[2];
    team.template total<2>(
        [&](int i, double* value) {
          const float v_i = v[i], x0_i = x0[i];
          const double left = absolute(v_i) - level, room = room_of(v_i, x0_i);
          value[0] = std::fabs(static_cast<double>(l1_point(v_i, x0_i, level)) - static_cast<double>(x0_i));
          value[1] = left > 0.0 && left < room ? 1.0 : 0.0;
        },
        sums);
    return Level{sums[0], sums[1]};
  });
  team.write(out, [&](int, float v_i, float x0_i) { return l1_point(v_i, x0_i, t); }, v, x0);
}

}  // namespace advspur::cuda
