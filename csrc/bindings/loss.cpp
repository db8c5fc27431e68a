#include "advspur/loss.h"

#include "bindings/bindings.h"

namespace advspur::bindings {
namespace {

Loss make(int kind, Address logits, int64_t stride, Address label, Address target, Address value,
          Address grad, int64_t rows, int64_t k) {
  return {static_cast<LossKind>(kind),
          pointer<const float>(logits),
          stride,
          pointer<const int64_t>(label),
          pointer<const int64_t>(target),
          pointer<float>(value),
          pointer<float>(grad),
          rows,
          k};
}

}  // namespace

void bind_loss(py::module_& m) {
  m.def(
      "loss_cpu",
      [](int kind, Address logits, int64_t stride, Address label, Address target, Address value, Address grad,
         int64_t rows, int64_t k, int threads) {
        cpu::loss(make(kind, logits, stride, label, target, value, grad, rows, k), threads);
      },
      py::kw_only(), py::arg("kind"), py::arg("logits"), py::arg("stride"), py::arg("label"),
      py::arg("target"), py::arg("value"), py::arg("grad"), py::arg("rows"), py::arg("k"), py::arg("threads"),
      ReleaseGil());
#ifdef ADVSPUR_HAS_CUDA
  m.def(
      "loss_cuda",
      [](int kind, Address logits, int64_t stride, Address label, Address target, Address value, Address grad,
         int64_t rows, int64_t k, Address cuda_stream) {
        cuda::loss(make(kind, logits, stride, label, target, value, grad, rows, k),
                   pointer<void>(cuda_stream));
      },
      py::kw_only(), py::arg("kind"), py::arg("logits"), py::arg("stride"), py::arg("label"),
      py::arg("target"), py::arg("value"), py::arg("grad"), py::arg("rows"), py::arg("k"),
      py::arg("cuda_stream"), ReleaseGil());
#endif
}

}  // namespace advspur::bindings
