#include "advspur/random.h"
#include "case.h"

namespace advspur::bench {
namespace {

std::vector<float> drawn(Draw kind, const Setup& s, uint64_t seed) {
  std::vector<float> out(static_cast<size_t>(s.batch * s.values()));
  const std::vector<int64_t> ids = counting(s.batch);
  cpu::draw(kind, out.data(), ids.data(), s.batch, s.values(), seed, 0, s.threads);
  return out;
}

}  // namespace

void copy_values(const Setup& s, float* to, const float* from) {
  const int64_t n = s.values();
  if (s.place == Place::kCuda) {
    device_move(to, from, static_cast<size_t>(s.batch * n) * sizeof(float));
    return;
  }
#pragma omp parallel for schedule(static) num_threads(s.threads)
  for (int64_t b = 0; b < s.batch; ++b) std::memcpy(to + b * n, from + b * n, n * sizeof(float));
}

std::vector<int64_t> counting(int64_t n) {
  std::vector<int64_t> ids(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) ids[i] = i;
  return ids;
}
std::vector<float> uniforms(const Setup& s, uint64_t seed) {
  return drawn(Draw::kUniform, s, seed);
}
std::vector<float> normals(const Setup& s, uint64_t seed) {
  return drawn(Draw::kNormal, s, seed);
}

}  // namespace advspur::bench
