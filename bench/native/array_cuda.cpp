#include "array.h"

#ifdef ADVSPUR_HAS_CUDA
#include <cuda_runtime_api.h>

#include <string>

namespace advspur::bench {
namespace {
void check(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}
}  // namespace

void* device_take(size_t bytes) {
  void* data = nullptr;
  check(cudaMalloc(&data, bytes));
  return data;
}
void device_give(void* data) noexcept {
  cudaFree(data);
}
void device_copy(void* to, const void* from, size_t bytes, bool to_device) {
  check(cudaMemcpy(to, from, bytes, to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost));
}
void device_move(void* to, const void* from, size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, nullptr));
}
double device_seconds(const std::function<void()>& work) {
  static cudaEvent_t first = nullptr, last = nullptr;
  if (first == nullptr) check(cudaEventCreate(&first)), check(cudaEventCreate(&last));
  check(cudaEventRecord(first, nullptr));
  work();
  check(cudaEventRecord(last, nullptr));
  check(cudaEventSynchronize(last));
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, first, last));
  return milliseconds * 1e-3;
}
bool device_there() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}
const char* device_name() {
  static cudaDeviceProp properties;
  return cudaGetDeviceProperties(&properties, 0) == cudaSuccess ? properties.name : "unknown";
}
}  // namespace advspur::bench
#else
namespace advspur::bench {
void* device_take(size_t) {
  throw std::runtime_error("built without CUDA");
}
void device_give(void*) noexcept {}
void device_copy(void*, const void*, size_t, bool) {}
void device_move(void*, const void*, size_t) {}
double device_seconds(const std::function<void()>&) {
  return 0;
}
bool device_there() {
  return false;
}
const char* device_name() {
  return "none";
}
}  // namespace advspur::bench
#endif
