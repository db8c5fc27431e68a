// One kernel at one size: ready to be checked against its twin, and to be run over and over.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "array.h"

namespace advspur::bench {

struct Setup {
  Place place = Place::kCpu;
  int threads = 1;
  int64_t batch = 64;
  int64_t side = 224;
  int64_t values() const { return 3 * side * side; }
};

struct Case {
  std::string name;
  double bytes;                        // that must move: every input read once, every output written once
  bool memory_bound;                   // whether bytes decide its time; drawing noise is arithmetic
  std::function<void()> run;           // one call
  std::function<std::string()> check;  // calls once on fresh inputs: "", or how it differs from the twin
};

using Family = std::vector<Case> (*)(const Setup&);

std::vector<Case> random_cases(const Setup&);
std::vector<Case> render_cases(const Setup&);
std::vector<Case> step_cases(const Setup&);
std::vector<Case> project_cases(const Setup&);
std::vector<Case> score_cases(const Setup&);
std::vector<Case> mask_cases(const Setup&);
std::vector<Case> apgd_cases(const Setup&);
std::vector<Case> loss_cases(const Setup&);
std::vector<Case> hyperplane_cases(const Setup&);
std::vector<Case> square_cases(const Setup&);
std::vector<Case> resize_cases(const Setup&);

// Numbers for inputs: the package's own draws, on the host.
std::vector<float> uniforms(const Setup&, uint64_t seed);
std::vector<float> normals(const Setup&, uint64_t seed);
std::vector<int64_t> counting(int64_t n);

// A batch copied where it lies, by the kernel's threads: for kernels that work in place and must start anew.
void copy_values(const Setup&, float* to, const float* from);

// "" if all |a - b| <= tolerance (1 + |b|); else where and by how much.
template <class A, class B>
std::string differs(const std::vector<A>& a, const std::vector<B>& b, double tolerance) {
  if (a.size() != b.size()) return "another number of values";
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if (!(std::fabs(x - y) <= tolerance * (1 + std::fabs(y)))) {
      return "value " + std::to_string(i) + ": " + std::to_string(x) + ", twin " + std::to_string(y);
    }
  }
  return "";
}

}  // namespace advspur::bench
