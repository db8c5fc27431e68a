#include "advspur/hyperplane.h"

#include "bindings/bindings.h"

namespace advspur::bindings {
namespace {

Plane make_plane(int norm, Address d, Address x, Address w, Address gap, int64_t samples, int64_t n) {
  return {static_cast<Norm>(norm), pointer<float>(d),          pointer<const float>(x),
          pointer<const float>(w), pointer<const double>(gap), {samples, n}};
}

FabStep make_step(int norm, Address x, Address x0, Address w, Address value, Address pull, Address moved,
                  double eta, double alpha_max, Address mask, int64_t pixels, bool interleaved,
                  int64_t samples, int64_t n) {
  return {static_cast<Norm>(norm),
          pointer<float>(x),
          pointer<const float>(x0),
          pointer<const float>(w),
          pointer<const float>(value),
          pointer<const float>(pull),
          pointer<uint8_t>(moved),
          eta,
          alpha_max,
          {pointer<const uint8_t>(mask), pixels, interleaved},
          {samples, n}};
}

}  // namespace

void bind_hyperplane(py::module_& m) {
  m.def(
      "to_plane_cpu",
      [](int norm, Address d, Address x, Address w, Address gap, int64_t samples, int64_t n, int threads) {
        cpu::to_plane(make_plane(norm, d, x, w, gap, samples, n), threads);
      },
      py::kw_only(), py::arg("norm"), py::arg("d"), py::arg("x"), py::arg("w"), py::arg("gap"),
      py::arg("samples"), py::arg("n"), py::arg("threads"), ReleaseGil());
  m.def(
      "fab_step_cpu",
      [](int norm, Address x, Address x0, Address w, Address value, Address pull, Address moved, double eta,
         double alpha_max, Address mask, int64_t pixels, bool interleaved, int64_t samples, int64_t n,
         int threads) {
        cpu::fab_step(make_step(norm, x, x0, w, value, pull, moved, eta, alpha_max, mask, pixels, interleaved,
                                samples, n),
                      threads);
      },
      py::kw_only(), py::arg("norm"), py::arg("x"), py::arg("x0"), py::arg("w"), py::arg("value"),
      py::arg("pull"), py::arg("moved"), py::arg("eta"), py::arg("alpha_max"), py::arg("mask"),
      py::arg("pixels"), py::arg("interleaved"), py::arg("samples"), py::arg("n"), py::arg("threads"),
      ReleaseGil());
#ifdef ADVSPUR_HAS_CUDA
  m.def(
      "to_plane_cuda",
      [](int norm, Address d, Address x, Address w, Address gap, int64_t samples, int64_t n,
         Address cuda_stream) {
        cuda::to_plane(make_plane(norm, d, x, w, gap, samples, n), pointer<void>(cuda_stream));
      },
      py::kw_only(), py::arg("norm"), py::arg("d"), py::arg("x"), py::arg("w"), py::arg("gap"),
      py::arg("samples"), py::arg("n"), py::arg("cuda_stream"), ReleaseGil());
  m.def(
      "fab_step_cuda",
      [](int norm, Address x, Address x0, Address w, Address value, Address pull, Address moved, double eta,
         double alpha_max, Address mask, int64_t pixels, bool interleaved, int64_t samples, int64_t n,
         Address cuda_stream) {
        cuda::fab_step(make_step(norm, x, x0, w, value, pull, moved, eta, alpha_max, mask, pixels,
                                 interleaved, samples, n),
                       pointer<void>(cuda_stream));
      },
      py::kw_only(), py::arg("norm"), py::arg("x"), py::arg("x0"), py::arg("w"), py::arg("value"),
      py::arg("pull"), py::arg("moved"), py::arg("eta"), py::arg("alpha_max"), py::arg("mask"),
      py::arg("pixels"), py::arg("interleaved"), py::arg("samples"), py::arg("n"), py::arg("cuda_stream"),
      ReleaseGil());
#endif
}

}  // namespace advspur::bindings
