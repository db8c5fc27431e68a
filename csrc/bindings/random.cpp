#include "advspur/random.h"

#include "bindings/bindings.h"

namespace advspur::bindings {

void bind_random(py::module_& m) {
  m.def(
      "draw_cpu",
      [](int kind, Address out, Address ids, int64_t n_samples, int64_t n, uint64_t seed, uint32_t stream,
         int threads) {
        cpu::draw(static_cast<Draw>(kind), pointer<void>(out), pointer<const int64_t>(ids), n_samples, n,
                  seed, stream, threads);
      },
      py::kw_only(), py::arg("kind"), py::arg("out"), py::arg("ids"), py::arg("n_samples"), py::arg("n"),
      py::arg("seed"), py::arg("stream"), py::arg("threads"), ReleaseGil());
#ifdef ADVSPUR_HAS_CUDA
  m.def(
      "draw_cuda",
      [](int kind, Address out, Address ids, int64_t n_samples, int64_t n, uint64_t seed, uint32_t stream,
         Address cuda_stream) {
        cuda::draw(static_cast<Draw>(kind), pointer<void>(out), pointer<const int64_t>(ids), n_samples, n,
                   seed, stream, pointer<void>(cuda_stream));
      },
      py::kw_only(), py::arg("kind"), py::arg("out"), py::arg("ids"), py::arg("n_samples"), py::arg("n"),
      py::arg("seed"), py::arg("stream"), py::arg("cuda_stream"), ReleaseGil());
#endif
}

}  // namespace advspur::bindings
