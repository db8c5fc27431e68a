#include "advspur/memory.h"

#include "bindings/bindings.h"

namespace advspur::bindings {

void bind_memory(py::module_& m) {
  m.def(
      "prefer_large_pages",
      [](Address data, int64_t bytes) { cpu::prefer_large_pages(pointer<void>(data), bytes); },
      py::arg("data"), py::arg("bytes"));
}

}  // namespace advspur::bindings
