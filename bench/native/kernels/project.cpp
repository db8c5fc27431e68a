#include "advspur/project.h"

#include "ball_twin.h"
#include "case.h"
#include "core/reduce.h"

namespace advspur::bench {
namespace {

Case one(const Setup& s, const char* name, Norm norm, float eps) {
  const std::vector<float> clean = uniforms(s, 1), wanted = normals(s, 3);
  const size_t batch = static_cast<size_t>(s.batch), n = static_cast<size_t>(s.values());
  const Array<float> x0(s.place, clean), start(s.place, wanted), delta(s.place, wanted),
      radius(s.place, batch, eps);
  const size_t chunks = (n + kChunk - 1) / kChunk;
  const Array<double> scratch(s.place, batch * chunks * 3, 0.0);
  const auto run = [=] {
    (void)scratch, (void)start;
    const Project job{norm, delta.data(), x0.data(), radius.data(), Mask{}, {s.batch, s.values()}};
    // what is projected twice is no work the second time, so every call starts from the same values
    copy_values(s, delta.data(), start.data());
    if (s.place == Place::kCpu)
      cpu::project(job, s.threads);
#ifdef ADVSPUR_HAS_CUDA
    else
      cuda::project(job, scratch.data(), nullptr);
#endif
  };
  const auto check = [=] {
    run();
    std::vector<float> expected(batch * n);
    for (size_t b = 0; b < batch; ++b) {
      const Values v(wanted.begin() + b * n, wanted.begin() + (b + 1) * n);
      const Values c(clean.begin() + b * n, clean.begin() + (b + 1) * n);
      const Values u = norm == Norm::kLinf ? project_linf(v, c, eps)
                       : norm == Norm::kL2 ? project_l2(v, c, eps)
                                           : project_l1(v, c, eps);
      for (size_t i = 0; i < n; ++i) expected[b * n + i] = static_cast<float>(u[i]);
    }
    return differs(delta.host(), expected, 2e-6);
  };
  return {name, (8.0 + 12.0) * s.batch * s.values(), norm != Norm::kL1, run, check};
}

}  // namespace

std::vector<Case> project_cases(const Setup& s) {
  const float side = static_cast<float>(s.side);
  return {one(s, "copy+project/linf", Norm::kLinf, 8.0f / 255),
          one(s, "copy+project/l2", Norm::kL2, side / 75), one(s, "copy+project/l1", Norm::kL1, side / 4)};
}

}  // namespace advspur::bench
