// Many problems at once: threads share the problems out, each with one set of buffers.
#include "advspur/theory.h"

namespace advspur::theory {

void solve_many(int64_t m, int64_t d, int64_t k, const double* covs, const double* thetas,
                const double* noise_stds, const uint8_t* core, const double* eps, Attack attack,
                const Answers& out, int threads) {
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    Path path;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < m; ++i) {
      path.reset(d, covs + i * d * d, thetas + i * d, noise_stds[i], core, attack);
      const auto at = [&](double* base) { return base == nullptr ? nullptr : base + i * k; };
      path.solve(k, eps + i * k,
                 {out.theta == nullptr ? nullptr : out.theta + i * k * d, at(out.risk), at(out.standard_risk),
                  at(out.spurious_weight), at(out.spurious_share), at(out.multiplier), at(out.gap),
                  out.unique == nullptr ? nullptr : out.unique + i * k});
    }
  }
}

}  // namespace advspur::theory
