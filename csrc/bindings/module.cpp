#include "bindings/bindings.h"

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  using namespace advspur::bindings;
  m.doc() = "Compiled kernels of pyadvspur. Use them through pyadvspur.native, which checks what it passes.";
  m.attr("__version__") = ADVSPUR_VERSION;
  bind_device(m);
  bind_memory(m);
  bind_random(m);
  bind_step(m);
  bind_hyperplane(m);
  bind_apgd(m);
  bind_loss(m);
  bind_square(m);
  bind_project(m);
  bind_score(m);
  bind_blas(m);
  bind_theory(m);
  bind_render(m);
  bind_finite(m);
  bind_dilate(m);
  bind_resize(m);
}
