#include "theory/blas.h"

#include <pybind11/stl.h>

#include <cstring>
#include <string>
#include <vector>

#include "bindings/bindings.h"

namespace advspur::bindings {

namespace {

// scipy names a capsule by its C signature; one with wide integers would be called wrongly, so it is refused
// here.
template <class F>
void take(F*& slot, const py::capsule& capsule) {
  const char* name = PyCapsule_GetName(capsule.ptr());
  if (name == nullptr || std::strstr(name, "int *") == nullptr || std::strstr(name, "int64") != nullptr ||
      std::strstr(name, "long") != nullptr) {
    throw std::runtime_error(std::string("scipy's BLAS has an unexpected signature: ") + (name ? name : ""));
  }
  slot = reinterpret_cast<F*>(PyCapsule_GetPointer(capsule.ptr(), name));
  if (slot == nullptr) throw py::error_already_set();
}

}  // namespace

void bind_blas(py::module_& m) {
  m.def(
      "set_blas",
      [](const py::capsule& dgemm, const py::capsule& dsyrk, const py::capsule& dgemv,
         const py::capsule& dsymv, const py::capsule& dtrsm, const py::capsule& dpotrf,
         const py::capsule& dpotrs, const py::capsule& dsyevd, const py::capsule& dsytrd,
         const py::capsule& dormtr) {
        theory::BlasTable table;
        take(table.dgemm, dgemm);
        take(table.dsyrk, dsyrk);
        take(table.dgemv, dgemv);
        take(table.dsymv, dsymv);
        take(table.dtrsm, dtrsm);
        take(table.dpotrf, dpotrf);
        take(table.dpotrs, dpotrs);
        take(table.dsyevd, dsyevd);
        take(table.dsytrd, dsytrd);
        take(table.dormtr, dormtr);
        theory::blas_state().table = table;
        theory::blas_state().loaded = true;
      },
      py::kw_only(), py::arg("dgemm"), py::arg("dsyrk"), py::arg("dgemv"), py::arg("dsymv"), py::arg("dtrsm"),
      py::arg("dpotrf"), py::arg("dpotrs"), py::arg("dsyevd"), py::arg("dsytrd"), py::arg("dormtr"));
}

}  // namespace advspur::bindings
