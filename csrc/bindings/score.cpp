#include "advspur/score.h"

#include "bindings/bindings.h"

namespace advspur::bindings {
namespace {

Score make(int type, Address logits, int64_t stride, Address labels, Address codes, Address prediction,
           Address probability, Address margin, Address correct, int64_t rows, int64_t k) {
  return {static_cast<LogitType>(type),
          pointer<const void>(logits),
          stride,
          pointer<const int64_t>(labels),
          pointer<const int32_t>(codes),
          pointer<int64_t>(prediction),
          pointer<float>(probability),
          pointer<float>(margin),
          pointer<uint8_t>(correct),
          rows,
          k};
}

}  // namespace

void bind_score(py::module_& m) {
  m.def(
      "score_cpu",
      [](int type, Address logits, int64_t stride, Address labels, Address codes, Address prediction,
         Address probability, Address margin, Address correct, int64_t rows, int64_t k, int threads) {
        cpu::score(
            make(type, logits, stride, labels, codes, prediction, probability, margin, correct, rows, k),
            threads);
      },
      py::kw_only(), py::arg("type"), py::arg("logits"), py::arg("stride"), py::arg("labels"),
      py::arg("codes"), py::arg("prediction"), py::arg("probability"), py::arg("margin"), py::arg("correct"),
      py::arg("rows"), py::arg("k"), py::arg("threads"), ReleaseGil());
#ifdef ADVSPUR_HAS_CUDA
  m.def(
      "score_cuda",
      [](int type, Address logits, int64_t stride, Address labels, Address codes, Address prediction,
         Address probability, Address margin, Address correct, int64_t rows, int64_t k, Address cuda_stream) {
        cuda::score(
            make(type, logits, stride, labels, codes, prediction, probability, margin, correct, rows, k),
            pointer<void>(cuda_stream));
      },
      py::kw_only(), py::arg("type"), py::arg("logits"), py::arg("stride"), py::arg("labels"),
      py::arg("codes"), py::arg("prediction"), py::arg("probability"), py::arg("margin"), py::arg("correct"),
      py::arg("rows"), py::arg("k"), py::arg("cuda_stream"), ReleaseGil());
#endif
}

}  // namespace advspur::bindings
