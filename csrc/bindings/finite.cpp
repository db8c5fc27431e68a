#include "advspur/finite.h"

#include <algorithm>

#include "bindings/bindings.h"

namespace advspur::bindings {

void bind_finite(py::module_& m) {
  m.def(
      "finite_fit",
      [](int attack, Address x, Address y, int n, int d, bool intercept, Address eps, int n_eps, double tol,
         int max_iter, bool screen, Address weights, Address offset, Address summary, Address counts) {
        using namespace theory;
        FiniteSolver solver({pointer<const double>(x), pointer<const double>(y), n, d, intercept},
                            static_cast<Attack>(attack));
        for (int k = 0; k < n_eps; ++k) {
          const FiniteFit fit = solver.fit(pointer<const double>(eps)[k], {tol, max_iter, screen});
          std::copy(fit.weights.begin(), fit.weights.end(),
                    pointer<double>(weights) + static_cast<size_t>(k) * d);
          pointer<double>(offset)[k] = fit.intercept;
          double* row = pointer<double>(summary) + 3 * k;
          row[0] = fit.objective;
          row[1] = fit.bound;
          row[2] = fit.gap;
          pointer<int64_t>(counts)[2 * k] = fit.iterations;
          pointer<int64_t>(counts)[2 * k + 1] = fit.rounds;
        }
        return solver.critical_eps();
      },
      py::kw_only(), py::arg("attack"), py::arg("x"), py::arg("y"), py::arg("n"), py::arg("d"),
      py::arg("intercept"), py::arg("eps"), py::arg("n_eps"), py::arg("tol"), py::arg("max_iter"),
      py::arg("screen"), py::arg("weights"), py::arg("offset"), py::arg("summary"), py::arg("counts"),
      ReleaseGil());
}

}  // namespace advspur::bindings
