#include "advspur/step.h"

#include "bindings/bindings.h"

namespace advspur::bindings {
namespace {

Step make(int norm, Address x, Address x0, Address grad, Address eps, Address step_size, Address k,
          Address moved, Address mask, int64_t pixels, bool interleaved, int64_t samples, int64_t n,
          bool lengthen) {
  return {static_cast<Norm>(norm),
          pointer<float>(x),
          pointer<const float>(x0),
          pointer<const float>(grad),
          pointer<const float>(eps),
          pointer<const float>(step_size),
          pointer<const int64_t>(k),
          pointer<uint8_t>(moved),
          {pointer<const uint8_t>(mask), pixels, interleaved},
          {samples, n},
          lengthen};
}

}  // namespace

void bind_step(py::module_& m) {
  m.def(
      "step_cpu",
      [](int norm, Address x, Address x0, Address grad, Address eps, Address step_size, Address k,
         Address moved, Address mask, int64_t pixels, bool interleaved, int64_t samples, int64_t n,
         bool lengthen, int threads) {
        cpu::step(make(norm, x, x0, grad, eps, step_size, k, moved, mask, pixels, interleaved, samples, n,
                       lengthen),
                  threads);
      },
      py::kw_only(), py::arg("norm"), py::arg("x"), py::arg("x0"), py::arg("grad"), py::arg("eps"),
      py::arg("step_size"), py::arg("k"), py::arg("moved"), py::arg("mask"), py::arg("pixels"),
      py::arg("interleaved"), py::arg("samples"), py::arg("n"), py::arg("lengthen"), py::arg("threads"),
      ReleaseGil());
#ifdef ADVSPUR_HAS_CUDA
  m.def(
      "step_cuda",
      [](int norm, Address x, Address x0, Address grad, Address eps, Address step_size, Address k,
         Address moved, Address mask, int64_t pixels, bool interleaved, int64_t samples, int64_t n,
         bool lengthen, Address scratch, Address cuda_stream) {
        cuda::step(make(norm, x, x0, grad, eps, step_size, k, moved, mask, pixels, interleaved, samples, n,
                        lengthen),
                   pointer<void>(scratch), pointer<void>(cuda_stream));
      },
      py::kw_only(), py::arg("norm"), py::arg("x"), py::arg("x0"), py::arg("grad"), py::arg("eps"),
      py::arg("step_size"), py::arg("k"), py::arg("moved"), py::arg("mask"), py::arg("pixels"),
      py::arg("interleaved"), py::arg("samples"), py::arg("n"), py::arg("lengthen"), py::arg("scratch"),
      py::arg("cuda_stream"), ReleaseGil());
#endif
}

}  // namespace advspur::bindings
