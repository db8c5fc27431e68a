#include "advspur/theory.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cmath>
#include <mutex>

#include "bindings/bindings.h"

namespace advspur::bindings {
namespace {

using Array = py::array_t<double, py::array::c_style | py::array::forcecast>;
using Mask = py::array_t<bool, py::array::c_style | py::array::forcecast>;
using theory::Answers;
using theory::Attack;

bool usable(const Array& eps) {
  for (py::ssize_t i = 0; i < eps.size(); ++i) {
    if (!(eps.data()[i] >= 0) || std::isinf(eps.data()[i])) return false;
  }
  return true;
}

// The path of one problem, with the arrays it reads.
class BoundPath {
 public:
  BoundPath(Array cov, Array theta, double noise_std, Mask core, int attack)
      : cov_(std::move(cov)), theta_(std::move(theta)), core_(std::move(core)) {
    path_.reset(theta_.size(), cov_.data(), theta_.data(), noise_std,
                reinterpret_cast<const uint8_t*>(core_.data()), static_cast<Attack>(attack));
  }

  // The fields of Solution, or None if eps has more than one axis or holds a negative, infinite or undefined
  // radius.
  py::object solve(const Array& eps) {
    if (eps.ndim() > 1 || !usable(eps)) return py::none();
    const py::ssize_t k = eps.size(), d = theta_.size();
    if (eps.ndim() == 0) {
      py::array_t<double> theta(d);
      double row[6];
      uint8_t unique = 0;
      run(1, eps.data(), {theta.mutable_data(), row, row + 1, row + 2, row + 3, row + 4, row + 5, &unique});
      return py::make_tuple(theta, row[0], row[1], row[2], row[3], *eps.data(), row[4], row[5], unique != 0);
    }
    py::array_t<double> theta({k, d}), risk(k), standard(k), weight(k), share(k), multiplier(k), gap(k);
    py::array_t<bool> unique(k);
    run(k, eps.data(),
        {theta.mutable_data(), risk.mutable_data(), standard.mutable_data(), weight.mutable_data(),
         share.mutable_data(), multiplier.mutable_data(), gap.mutable_data(),
         reinterpret_cast<uint8_t*>(unique.mutable_data())});
    return py::make_tuple(theta, risk, standard, weight, share, eps, multiplier, gap, unique);
  }

  template <class F>
  auto locked(F f) {
    py::gil_scoped_release release;
    const std::lock_guard<std::mutex> guard(mutex_);
    return f(path_);
  }

 private:
  void run(int64_t k, const double* eps, const Answers& out) {
    locked([&](theory::Path& path) { path.solve(k, eps, out); });
  }

  Array cov_, theta_;
  Mask core_;
  theory::Path path_;
  std::mutex mutex_;
};

}  // namespace

void bind_theory(py::module_& m) {
  py::class_<BoundPath>(m, "TheoryPath")
      .def(py::init<Array, Array, double, Mask, int>(), py::arg("cov"), py::arg("theta"),
           py::arg("noise_std"), py::arg("core"), py::arg("attack"))
      .def("solve", &BoundPath::solve, py::arg("eps"))
      .def("critical",
           [](BoundPath& self) { return self.locked([](theory::Path& p) { return p.critical(); }); })
      .def("plateau",
           [](BoundPath& self) { return self.locked([](theory::Path& p) { return p.plateau(); }); })
      .def("onset", [](BoundPath& self) { return self.locked([](theory::Path& p) { return p.onset(); }); })
      .def("knots", [](BoundPath& self) { return self.locked([](theory::Path& p) { return p.knots(); }); });

  m.def(
      "theory_solve_many",
      [](const Array& covs, const Array& thetas, const Array& noise_stds, const Mask& core, const Array& eps,
         int attack, bool with_theta, int threads) {
        const py::ssize_t n = covs.shape(0), d = covs.shape(1), k = eps.shape(1);
        py::array_t<double> theta({n, with_theta ? k : 0, d});
        py::array_t<double> risk({n, k}), standard({n, k}), weight({n, k}), share({n, k}), multiplier({n, k}),
            gap({n, k});
        py::array_t<bool> unique({n, k});
        const Answers out{with_theta ? theta.mutable_data() : nullptr,
                          risk.mutable_data(),
                          standard.mutable_data(),
                          weight.mutable_data(),
                          share.mutable_data(),
                          multiplier.mutable_data(),
                          gap.mutable_data(),
                          reinterpret_cast<uint8_t*>(unique.mutable_data())};
        {
          py::gil_scoped_release release;
          theory::solve_many(n, d, k, covs.data(), thetas.data(), noise_stds.data(),
                             reinterpret_cast<const uint8_t*>(core.data()), eps.data(),
                             static_cast<Attack>(attack), out, threads);
        }
        return py::make_tuple(theta, risk, standard, weight, share, multiplier, gap, unique);
      },
      py::kw_only(), py::arg("covs"), py::arg("thetas"), py::arg("noise_stds"), py::arg("core"),
      py::arg("eps"), py::arg("attack"), py::arg("with_theta"), py::arg("threads"));
}

}  // namespace advspur::bindings
