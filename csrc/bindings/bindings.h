// Every family binds itself; module.cpp only calls them. No arithmetic lives here.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>

namespace advspur::bindings {

namespace py = pybind11;

// Addresses travel as integers: the kernels stay free of torch, Python owns the memory.
using Address = std::uintptr_t;

template <class T>
T* pointer(Address address) {
  return reinterpret_cast<T*>(address);
}

using ReleaseGil = py::call_guard<py::gil_scoped_release>;

void bind_device(py::module_& m);
void bind_memory(py::module_& m);
void bind_random(py::module_& m);
void bind_step(py::module_& m);
void bind_hyperplane(py::module_& m);
void bind_apgd(py::module_& m);
void bind_loss(py::module_& m);
void bind_square(py::module_& m);
void bind_project(py::module_& m);
void bind_score(py::module_& m);
void bind_blas(py::module_& m);
void bind_theory(py::module_& m);
void bind_render(py::module_& m);
void bind_finite(py::module_& m);
void bind_dilate(py::module_& m);
void bind_resize(py::module_& m);

}  // namespace advspur::bindings
