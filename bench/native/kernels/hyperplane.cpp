#include "advspur/hyperplane.h"

#include <algorithm>

#include "ball_twin.h"
#include "case.h"

namespace advspur::bench {
namespace {

// argmin |d| subject to <w, d> = gap and x + d in [0, 1], by 200 bisections (l1: by a sort).
Values to_plane(Norm norm, const Values& x, const Values& w, double gap) {
  const size_t n = x.size();
  Values way(n), size(n), room(n), d(n, 0.0);
  double most = 0;
  for (size_t i = 0; i < n; ++i) {
    way[i] = ((w[i] > 0) - (w[i] < 0)) * (gap < 0 ? -1.0 : 1.0);
    size[i] = std::fabs(w[i]), room[i] = way[i] > 0 ? 1 - x[i] : way[i] < 0 ? x[i] : 0;
    most += size[i] * room[i];
  }
  const double need = std::min(std::fabs(gap), most);
  if (norm == Norm::kL1) {
    std::vector<size_t> order(n);
    for (size_t i = 0; i < n; ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return size[a] > size[b]; });
    double left = need;
    for (size_t i : order) {
      if (!(left > 0) || !(size[i] > 0)) break;
      d[i] = std::min(room[i], left / size[i]);
      left -= d[i] * size[i];
    }
  } else {
    const auto at = [&](double s, size_t i) {
      return std::min(norm == Norm::kL2 ? s * size[i] : size[i] > 0 ? s : 0.0, room[i]);
    };
    double low = 0, high = 1;
    const auto gain = [&](double s) {
      double sum = 0;
      for (size_t i = 0; i < n; ++i) sum += size[i] * at(s, i);
      return sum;
    };
    while (gain(high) < need * (1 - 1e-12) && high < 1e12) high *= 2;
    for (int k = 0; k < 200; ++k) (gain((low + high) / 2) < need ? low : high) = (low + high) / 2;
    for (size_t i = 0; i < n; ++i) d[i] = at(high, i);
  }
  for (size_t i = 0; i < n; ++i) d[i] *= way[i];
  return d;
}

struct Rows {
  std::vector<float> x, w;
  size_t n;
  Values row(const std::vector<float>& from, size_t b) const {
    return Values(from.begin() + b * n, from.begin() + (b + 1) * n);
  }
};

Case plane(const Setup& s, const char* name, Norm norm) {
  const Rows in{uniforms(s, 1), normals(s, 2), static_cast<size_t>(s.values())};
  const size_t batch = static_cast<size_t>(s.batch);
  const double gap = 0.1 * static_cast<double>(in.n);
  const Array<float> x(s.place, in.x), w(s.place, in.w), d(s.place, in.x);
  const Array<double> gaps(s.place, batch, gap);
  const auto run = [=] {
    (void)x, (void)w, (void)d, (void)gaps;
    const Plane job{norm, d.data(), x.data(), w.data(), gaps.data(), {s.batch, s.values()}};
    if (s.place == Place::kCpu)
      cpu::to_plane(job, s.threads);
#ifdef ADVSPUR_HAS_CUDA
    else
      cuda::to_plane(job, nullptr);
#endif
  };
  const auto check = [=] {
    run();
    std::vector<float> expected;
    for (size_t b = 0; b < batch; ++b)
      for (double value : to_plane(norm, in.row(in.x, b), in.row(in.w, b), gap))
        expected.push_back(static_cast<float>(value));
    return differs(d.host(), expected, 2e-6);
  };
  return {name, 12.0 * s.batch * s.values(), false, run, check};
}

double size_of(Norm norm, const Values& d) {
  double sum = 0, most = 0;
  for (double value : d) sum += std::fabs(value), most = std::max(most, std::fabs(value));
  return norm == Norm::kL1 ? sum : norm == Norm::kL2 ? length(d) : most;
}

Case fab(const Setup& s, const char* name, Norm norm) {
  constexpr double kEta = 1.05, kAlphaMax = 0.1;
  Setup shape = s;
  const Rows in{uniforms(shape, 1), normals(shape, 2), static_cast<size_t>(s.values())};
  std::vector<float> start = in.x;
  for (size_t i = 0; i < start.size(); ++i)
    start[i] = std::clamp(start[i] + (i % 2 ? 0.02f : -0.03f), 0.0f, 1.0f);
  const size_t batch = static_cast<size_t>(s.batch);
  const float value = 0.05f * static_cast<float>(in.n), pull = 0.9f;
  const Array<float> x(s.place, start), from(s.place, start), x0(s.place, in.x), w(s.place, in.w),
      values(s.place, batch, value), pulls(s.place, batch, pull);
  const Array<uint8_t> moved(s.place, batch, 0);
  const auto run = [=] {
    (void)x, (void)from, (void)x0, (void)w, (void)values, (void)pulls, (void)moved;
    const FabStep job{norm,         x.data(), x0.data(), w.data(), values.data(),        pulls.data(),
                      moved.data(), kEta,     kAlphaMax, Mask{},   {s.batch, s.values()}};
    copy_values(s, x.data(), from.data());
    if (s.place == Place::kCpu)
      cpu::fab_step(job, s.threads);
#ifdef ADVSPUR_HAS_CUDA
    else
      cuda::fab_step(job, nullptr);
#endif
  };
  const auto check = [=] {
    run();
    std::vector<float> expected;
    for (size_t b = 0; b < batch; ++b) {
      const Values at = in.row(start, b), zero = in.row(in.x, b), slope = in.row(in.w, b);
      Values back(in.n);
      double dot = 0;
      for (size_t i = 0; i < in.n; ++i) {
        dot += slope[i] * (at[i] - zero[i]);
        back[i] = static_cast<float>(zero[i] + pull * (at[i] - zero[i]));
      }
      const Values d = to_plane(norm, back, slope, -(value - (1 - static_cast<double>(pull)) * dot));
      const Values d0 = to_plane(norm, zero, slope, -(value - dot));
      const double a = size_of(norm, d), a0 = size_of(norm, d0);
      const double alpha = std::min(kAlphaMax, a + a0 > 0 ? a / (a + a0) : 0.0);
      for (size_t i = 0; i < in.n; ++i) {
        const double there = back[i] + kEta * d[i], there0 = zero[i] + kEta * d0[i];
        expected.push_back(static_cast<float>(std::clamp(there + alpha * (there0 - there), 0.0, 1.0)));
      }
    }
    return differs(x.host(), expected, 2e-6);
  };
  return {name, (8.0 + 16.0) * s.batch * s.values(), false, run, check};
}

}  // namespace

std::vector<Case> hyperplane_cases(const Setup& s) {
  return {plane(s, "plane/linf", Norm::kLinf), plane(s, "plane/l2", Norm::kL2),
          plane(s, "plane/l1", Norm::kL1),     fab(s, "copy+fab/linf", Norm::kLinf),
          fab(s, "copy+fab/l2", Norm::kL2),    fab(s, "copy+fab/l1", Norm::kL1)};
}

}  // namespace advspur::bench
