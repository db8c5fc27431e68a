#include "advspur/dilate.h"

#include "bindings/bindings.h"

namespace advspur::bindings {

void bind_dilate(py::module_& m) {
  m.def(
      "dilate_cpu",
      [](Address masks, Address out, int64_t samples, int64_t height, int64_t width, int64_t reach,
         int64_t rounds, int threads) {
        cpu::dilate(
            {pointer<const uint8_t>(masks), pointer<uint8_t>(out), samples, height, width, reach, rounds},
            threads);
      },
      py::kw_only(), py::arg("masks"), py::arg("out"), py::arg("samples"), py::arg("height"),
      py::arg("width"), py::arg("reach"), py::arg("rounds"), py::arg("threads"), ReleaseGil());
}

}  // namespace advspur::bindings
