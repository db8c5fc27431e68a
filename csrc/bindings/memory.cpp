#include "advspur/memory.h"

#include "bindings/bindings.h"

namespace advspur::bindings {
namespace {

// Owns a block; gives it back when the last tensor on it is gone.
struct OwnedBlock {
  explicit OwnedBlock(std::size_t bytes) : wanted(bytes), block(cpu::take_block(bytes)) {}
  ~OwnedBlock() { cpu::give_block(block); }
  OwnedBlock(const OwnedBlock&) = delete;
  OwnedBlock& operator=(const OwnedBlock&) = delete;

  std::size_t wanted;
  cpu::Block block;
};

}  // namespace

void bind_memory(py::module_& m) {
  py::class_<OwnedBlock>(m, "Block", py::buffer_protocol())
      .def(py::init<std::size_t>(), py::arg("bytes"))
      .def_buffer([](OwnedBlock& b) {
        return py::buffer_info(static_cast<uint8_t*>(b.block.data), static_cast<py::ssize_t>(b.wanted));
      });
  m.def("drop_kept_blocks", &cpu::drop_kept_blocks);
}

}  // namespace advspur::bindings
