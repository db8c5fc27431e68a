#include "advspur/step.h"

#include <numeric>

#include "ball_twin.h"
#include "case.h"
#include "core/reduce.h"

namespace advspur::bench {
namespace {

struct Inputs {
  std::vector<float> x, x0, grad;
  float eps, size;
  int64_t k;
};

Inputs inputs(const Setup& s, float eps) {
  Inputs in{
      uniforms(s, 1), uniforms(s, 1), normals(s, 2), eps, eps / 4, std::max<int64_t>(1, s.values() / 20)};
  for (size_t i = 0; i < in.x.size(); ++i)  // a point some way off, and gradients at the walls
    in.x[i] = std::clamp(in.x0[i] + (i % 5 == 0 ? 0.3f : 0.1f) * eps * (i % 2 ? 1.0f : -1.0f), 0.0f, 1.0f);
  return in;
}

Values direction(Norm norm, const Values& x, const Values& g, int64_t k) {
  Values d(g.size(), 0.0);
  if (norm == Norm::kLinf) {
    for (size_t i = 0; i < g.size(); ++i) d[i] = (g[i] > 0) - (g[i] < 0);
  } else if (norm == Norm::kL2) {
    const double size = length(g);
    for (size_t i = 0; i < g.size(); ++i) d[i] = g[i] / size;
  } else {
    std::vector<size_t> order;
    for (size_t i = 0; i < g.size(); ++i)
      if ((g[i] > 0 && x[i] < 1) || (g[i] < 0 && x[i] > 0)) order.push_back(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return std::fabs(g[a]) > std::fabs(g[b]); });
    order.resize(std::min<size_t>(order.size(), static_cast<size_t>(k)));
    for (size_t i : order) d[i] = std::copysign(1.0 / order.size(), g[i]);
  }
  return d;
}

std::vector<float> twin(const Setup& s, Norm norm, const Inputs& in) {
  std::vector<float> out(in.x.size());
  const size_t n = static_cast<size_t>(s.values());
  for (size_t b = 0; b < static_cast<size_t>(s.batch); ++b) {
    const auto row = [&](const std::vector<float>& from) {
      return Values(from.begin() + b * n, from.begin() + (b + 1) * n);
    };
    const Values x = row(in.x), x0 = row(in.x0), d = direction(norm, x, row(in.grad), in.k);
    Values v(n);
    for (size_t i = 0; i < n; ++i) v[i] = x[i] - x0[i] + in.size * d[i];
    const Values u = norm == Norm::kLinf ? project_linf(v, x0, in.eps)
                     : norm == Norm::kL2 ? project_l2(v, x0, in.eps)
                                         : project_l1(v, x0, in.eps);
    for (size_t i = 0; i < n; ++i) out[b * n + i] = static_cast<float>(x0[i] + u[i]);
  }
  return out;
}

Case one(const Setup& s, const char* name, Norm norm, float eps) {
  const Inputs in = inputs(s, eps);
  const size_t batch = static_cast<size_t>(s.batch);
  const Array<float> x(s.place, in.x), x0(s.place, in.x0), grad(s.place, in.grad);
  const Array<float> radius(s.place, batch, in.eps), size(s.place, batch, in.size);
  const Array<int64_t> k(s.place, batch, in.k);
  const Array<uint8_t> moved(s.place, batch, 0);
  const size_t chunks = static_cast<size_t>((s.values() + kChunk - 1) / kChunk);
  const Array<double> scratch(s.place, batch * chunks * 3, 0.0);
  const auto call = [=](float* at) {
    const Step step{norm,        at,       x0.data(),    grad.data(), radius.data(),
                    size.data(), k.data(), moved.data(), Mask{},      {s.batch, s.values()}};
    if (s.place == Place::kCpu)
      cpu::step(step, s.threads);
#ifdef ADVSPUR_HAS_CUDA
    else
      cuda::step(step, scratch.data(), nullptr);
#endif
  };
  const auto run = [=] { (void)scratch, call(x.data()); };
  const auto check = [=] {
    const Array<float> fresh(s.place, in.x);
    call(fresh.data());
    return differs(fresh.host(), twin(s, norm, in), 2e-6);
  };
  return {name, 16.0 * s.batch * s.values(), true, run, check};
}

}  // namespace

std::vector<Case> step_cases(const Setup& s) {
  const float side = static_cast<float>(s.side);
  return {one(s, "step/linf", Norm::kLinf, 8.0f / 255), one(s, "step/l2", Norm::kL2, side / 75),
          one(s, "step/l1", Norm::kL1, side / 4)};
}

}  // namespace advspur::bench
