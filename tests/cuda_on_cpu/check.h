// Arrays that exist twice, for the CPU kernel and for the CUDA kernel's source, and the families that compare
// them.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "advspur/ball.h"
#include "machine.h"
#include "watch.h"

namespace check {

using namespace advspur;

// What is being compared, for the words of a failure.
extern std::string what;

// misalign: values by which the second copy starts off a vector's border.
template <class T>
struct Both {
  std::vector<T> here;
  emulated::Buffer* there;

  explicit Both(std::vector<T> values, size_t misalign = 0, bool ready = true) : here(std::move(values)) {
    there = emulated::take(emulated::Space::kGlobal, here.size() * sizeof(T), sizeof(T) < 4 ? sizeof(T) : 4,
                           misalign * sizeof(T), ready);
    if (ready && !here.empty()) std::memcpy(there->data, here.data(), here.size() * sizeof(T));
  }
  static Both out(size_t n, size_t misalign = 0) { return Both(std::vector<T>(n), misalign, false); }

  T* at(bool device) { return device ? reinterpret_cast<T*>(there->data) : here.data(); }

  // Bits are compared, unless a tolerance is given: |a - b| <= rtol |b| + atol.
  void same(const char* name, double rtol = 0, double atol = 0) const {
    const T* other = reinterpret_cast<const T*>(there->data);
    for (size_t i = 0; i < here.size(); ++i) {
      if (!there->ready[i * sizeof(T)]) fail(name, i, "was never written");
      if (std::memcmp(&here[i], other + i, sizeof(T)) == 0) continue;
      if constexpr (std::is_floating_point_v<T>) {
        if (here[i] == other[i] || (here[i] != here[i] && other[i] != other[i])) continue;
        if (std::fabs(double(here[i]) - double(other[i])) <= rtol * std::fabs(double(here[i])) + atol)
          continue;
      }
      fail(name, i,
           (std::to_string(double(other[i])) + ", on the CPU " + std::to_string(double(here[i]))).c_str());
    }
  }

 private:
  void fail(const char* name, size_t i, const char* words) const {
    std::fprintf(stderr, "%s, seed %u: %s[%zu] %s\n", what.c_str(), emulated::machine.seed, name, i, words);
    std::exit(1);
  }
};

// Numbers for inputs.
struct Dice {
  std::mt19937 engine{7};
  std::vector<float> uniform(size_t n, float low = 0, float high = 1);
  std::vector<float> clean(size_t n);   // in [0, 1], many on the walls
  std::vector<float> normal(size_t n);  // with zeros and ties
  std::vector<uint8_t> bytes(size_t n, int top = 255);
};

// One problem of the families that keep an image inside a ball.
struct Problem {
  int64_t samples, channels, side;
  bool masked, interleaved;
  size_t misalign;
  int64_t pixels() const { return side * side; }
  int64_t n() const { return channels * side * side; }
  size_t values() const { return static_cast<size_t>(samples * n()); }
  std::string words() const;
};
std::vector<Problem> problems();  // small and odd, aligned and not, one too large for a block, B = 0 and 1

const char* name_of(Norm norm);
constexpr Norm kNorms[] = {Norm::kLinf, Norm::kL2, Norm::kL1};

// After each call: says how many bytes it moved, if the program was asked to.
void report(const std::string& call, const char* unit, double units, double must_move);

void check_random();
void check_render();
void check_step();
void check_project();
void check_score();
void check_loss();
void check_apgd();
void check_hyperplane();
void check_square();
void commit_fault(const std::string& name);  // a kernel with one fault, which must be found

}  // namespace check
