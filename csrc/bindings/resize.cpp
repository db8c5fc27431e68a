#include "advspur/resize.h"

#include "bindings/bindings.h"

namespace advspur::bindings {

void bind_resize(py::module_& m) {
  m.def(
      "resize_cpu",
      [](Address in, int64_t stride, int64_t in_height, int64_t in_width, int64_t channels, int64_t height,
         int64_t width, int64_t top, int64_t left, int64_t out_height, int64_t out_width, Address out,
         bool columns_first, int threads) {
        cpu::resize({pointer<const uint8_t>(in), stride, in_height, in_width, channels, height, width, top,
                     left, out_height, out_width, pointer<uint8_t>(out), columns_first},
                    threads);
      },
      py::kw_only(), py::arg("input"), py::arg("stride"), py::arg("in_height"), py::arg("in_width"),
      py::arg("channels"), py::arg("height"), py::arg("width"), py::arg("top"), py::arg("left"),
      py::arg("out_height"), py::arg("out_width"), py::arg("out"), py::arg("columns_first"),
      py::arg("threads"), ReleaseGil());
}

}  // namespace advspur::bindings
