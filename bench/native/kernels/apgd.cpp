#include "advspur/apgd.h"

#include "ball_twin.h"
#include "case.h"
#include "core/reduce.h"

namespace advspur::bench {
namespace {

constexpr float kShare = 0.75f;

Values direction(Norm norm, const Values& g) {
  Values d(g.size());
  const double size = length(g);
  for (size_t i = 0; i < g.size(); ++i) d[i] = norm == Norm::kLinf ? (g[i] > 0) - (g[i] < 0) : g[i] / size;
  return d;
}

Values project(Norm norm, const Values& v, const Values& x0, double eps) {
  Values u(v.size());
  for (size_t i = 0; i < v.size(); ++i) u[i] = v[i] - x0[i];
  u = norm == Norm::kLinf ? project_linf(u, x0, eps) : project_l2(u, x0, eps);
  for (size_t i = 0; i < v.size(); ++i) u[i] += x0[i];
  return u;
}

// The step with momentum; the first call finds a new best point, the timed ones do not.
Case one(const Setup& s, const char* name, Norm norm, float eps) {
  const std::vector<float> clean = uniforms(s, 1), slope = normals(s, 2);
  std::vector<float> now = clean, before = clean;
  for (size_t i = 0; i < now.size(); ++i) {
    now[i] = std::clamp(clean[i] + (i % 3 == 0 ? 0.2f : -0.1f) * eps, 0.0f, 1.0f);
    before[i] = std::clamp(clean[i] + (i % 2 == 0 ? 0.1f : -0.05f) * eps, 0.0f, 1.0f);
  }
  const size_t batch = static_cast<size_t>(s.batch), n = static_cast<size_t>(s.values());
  const auto floats = [&](float value) { return Array<float>(s.place, batch, value); };
  const Array<float> x(s.place, now), old(s.place, before), best(s.place, clean), best_grad(s.place, clean),
      grad(s.place, slope), x0(s.place, clean);
  const Array<float> loss = floats(1), radius = floats(eps), best_loss = floats(0), last = floats(0),
                     checked = floats(0), size = floats(eps / 4);
  const Array<int32_t> rises(s.place, batch, 0), halved(s.place, batch, 0);
  const Array<int64_t> width(s.place, batch, 1), count(s.place, batch, 1);
  const Array<uint8_t> moved(s.place, batch, 0);
  const size_t chunks = (n + kChunk - 1) / kChunk;
  const Array<double> scratch(s.place, batch * (2 + 4 * chunks), 0.0);
  const auto run = [=] {
    (void)x, (void)old, (void)best, (void)best_grad, (void)grad, (void)x0, (void)scratch;
    const Apgd job{
        norm,        x.data(),     old.data(),    best.data(),          best_grad.data(), grad.data(),
        x0.data(),   loss.data(),  radius.data(), best_loss.data(),     last.data(),      checked.data(),
        size.data(), rises.data(), halved.data(), width.data(),         count.data(),     0,
        kShare,      moved.data(), Mask{},        {s.batch, s.values()}};
    if (s.place == Place::kCpu)
      cpu::apgd(job, s.threads);
#ifdef ADVSPUR_HAS_CUDA
    else
      cuda::apgd(job, scratch.data(), nullptr);
#endif
  };
  const auto check = [=]() -> std::string {
    run();
    std::vector<float> expected(batch * n);
    for (size_t b = 0; b < batch; ++b) {
      const auto row = [&](const std::vector<float>& v) {
        return Values(v.begin() + b * n, v.begin() + (b + 1) * n);
      };
      const Values at = row(now), from = row(before), zero = row(clean), d = direction(norm, row(slope));
      Values y(n);
      for (size_t i = 0; i < n; ++i) y[i] = at[i] + eps / 4 * d[i];
      y = project(norm, y, zero, eps);
      for (size_t i = 0; i < n; ++i)
        y[i] = at[i] + kShare * (y[i] - at[i]) + (1 - kShare) * (at[i] - from[i]);
      y = project(norm, y, zero, eps);
      for (size_t i = 0; i < n; ++i) expected[b * n + i] = static_cast<float>(y[i]);
    }
    std::string wrong = differs(x.host(), expected, 2e-6);
    if (wrong.empty()) wrong = differs(old.host(), now, 0);
    if (wrong.empty()) wrong = differs(best.host(), now, 0);
    return wrong.empty() ? differs(best_grad.host(), slope, 0) : wrong;
  };
  return {name, 24.0 * s.batch * s.values(), true, run, check};  // reads x, old, x0, grad; writes x, old
}

}  // namespace

std::vector<Case> apgd_cases(const Setup& s) {
  return {one(s, "apgd/linf", Norm::kLinf, 8.0f / 255),
          one(s, "apgd/l2", Norm::kL2, static_cast<float>(s.side) / 75)};
}

}  // namespace advspur::bench
