#include "advspur/project.h"

#include "bindings/bindings.h"

namespace advspur::bindings {
namespace {

Project make(int norm, Address delta, Address x0, Address eps, Address mask, int64_t pixels, bool interleaved,
             int64_t samples, int64_t n) {
  return {static_cast<Norm>(norm),
          pointer<float>(delta),
          pointer<const float>(x0),
          pointer<const float>(eps),
          {pointer<const uint8_t>(mask), pixels, interleaved},
          {samples, n}};
}

}  // namespace

void bind_project(py::module_& m) {
  m.def(
      "project_cpu",
      [](int norm, Address delta, Address x0, Address eps, Address mask, int64_t pixels, bool interleaved,
         int64_t samples, int64_t n, int threads) {
        cpu::project(make(norm, delta, x0, eps, mask, pixels, interleaved, samples, n), threads);
      },
      py::kw_only(), py::arg("norm"), py::arg("delta"), py::arg("x0"), py::arg("eps"), py::arg("mask"),
      py::arg("pixels"), py::arg("interleaved"), py::arg("samples"), py::arg("n"), py::arg("threads"),
      ReleaseGil());
#ifdef ADVSPUR_HAS_CUDA
  m.def(
      "project_cuda",
      [](int norm, Address delta, Address x0, Address eps, Address mask, int64_t pixels, bool interleaved,
         int64_t samples, int64_t n, Address scratch, Address cuda_stream) {
        cuda::project(make(norm, delta, x0, eps, mask, pixels, interleaved, samples, n),
                      pointer<void>(scratch), pointer<void>(cuda_stream));
      },
      py::kw_only(), py::arg("norm"), py::arg("delta"), py::arg("x0"), py::arg("eps"), py::arg("mask"),
      py::arg("pixels"), py::arg("interleaved"), py::arg("samples"), py::arg("n"), py::arg("scratch"),
      py::arg("cuda_stream"), ReleaseGil());
#endif
}

}  // namespace advspur::bindings
