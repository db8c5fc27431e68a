#include "stream.h"

namespace advspur::bench {

Stream::Stream(Place place, int threads)
    : place_(place),
      threads_(threads),
      bytes_((place == Place::kCpu ? 12.0 : 8.0) * kValues),
      a_(place, kValues, 0.0f),
      b_(place, kValues, 1.0f),
      c_(place, kValues, 2.0f) {}

void Stream::run() const {
  if (place_ == Place::kCuda) {
    device_move(a_.data(), b_.data(), kValues * sizeof(float));
    return;
  }
  float* a = a_.data();
  const float *b = b_.data(), *c = c_.data();
#pragma omp parallel for schedule(static) num_threads(threads_)
  for (size_t i = 0; i < kValues; ++i) a[i] = b[i] + 3.0f * c[i];
}

}  // namespace advspur::bench
