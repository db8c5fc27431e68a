#include "advspur/device.h"

#include <pybind11/stl.h>

#include "bindings/bindings.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace advspur::bindings {

void bind_device(py::module_& m) {
#ifdef ADVSPUR_HAS_CUDA
  m.attr("has_cuda") = true;
  m.def("device_count", &cuda::device_count);
  m.def("why_no_device", &cuda::why_no_device);
#else
  m.attr("has_cuda") = false;
  m.def("device_count", [] { return 0; });
  m.def("why_no_device", [] { return std::string("built without CUDA"); });
#endif
#ifdef _OPENMP
  m.attr("openmp") = _OPENMP;
#else
  m.attr("openmp") = 0;
#endif
  m.def("instruction_set", [] {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) return "x86-64-v4";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "x86-64-v3";
#endif
    return "baseline";
  });
}

}  // namespace advspur::bindings
