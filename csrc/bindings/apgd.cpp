#include "advspur/apgd.h"

#include "bindings/bindings.h"

namespace advspur::bindings {
namespace {

// The addresses in the order of native/apgd.py.
Apgd make(int norm, const py::tuple& at, int32_t window, float share, int64_t pixels, bool interleaved,
          int64_t samples, int64_t n) {
  int next = 0;
  const auto take = [&] { return at[next++].cast<Address>(); };
  Apgd s{};
  s.norm = static_cast<Norm>(norm);
  for (float** p : {&s.x, &s.old, &s.best, &s.best_grad, &s.grad}) *p = pointer<float>(take());
  for (const float** p : {&s.x0, &s.loss, &s.eps}) *p = pointer<const float>(take());
  for (float** p : {&s.best_loss, &s.last_loss, &s.checked_loss, &s.size}) *p = pointer<float>(take());
  for (int32_t** p : {&s.rises, &s.halved}) *p = pointer<int32_t>(take());
  for (int64_t** p : {&s.width, &s.count}) *p = pointer<int64_t>(take());
  s.moved = pointer<uint8_t>(take());
  s.mask = {pointer<const uint8_t>(take()), pixels, interleaved};
  s.window = window;
  s.share = share;
  s.batch = {samples, n};
  return s;
}

}  // namespace

void bind_apgd(py::module_& m) {
  m.def(
      "apgd_cpu",
      [](int norm, const py::tuple& addresses, int32_t window, float share, int64_t pixels, bool interleaved,
         int64_t samples, int64_t n, int threads) {
        const Apgd s = make(norm, addresses, window, share, pixels, interleaved, samples, n);
        py::gil_scoped_release release;
        cpu::apgd(s, threads);
      },
      py::kw_only(), py::arg("norm"), py::arg("addresses"), py::arg("window"), py::arg("share"),
      py::arg("pixels"), py::arg("interleaved"), py::arg("samples"), py::arg("n"), py::arg("threads"));
#ifdef ADVSPUR_HAS_CUDA
  m.def(
      "apgd_cuda",
      [](int norm, const py::tuple& addresses, int32_t window, float share, int64_t pixels, bool interleaved,
         int64_t samples, int64_t n, Address scratch, Address cuda_stream) {
        const Apgd s = make(norm, addresses, window, share, pixels, interleaved, samples, n);
        py::gil_scoped_release release;
        cuda::apgd(s, pointer<void>(scratch), pointer<void>(cuda_stream));
      },
      py::kw_only(), py::arg("norm"), py::arg("addresses"), py::arg("window"), py::arg("share"),
      py::arg("pixels"), py::arg("interleaved"), py::arg("samples"), py::arg("n"), py::arg("scratch"),
      py::arg("cuda_stream"));
#endif
}

}  // namespace advspur::bindings
