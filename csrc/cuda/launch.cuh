// Launching a kernel, and the words for shared memory. The tests compile the kernels with a C++ compiler
// (docs/kernels.md), which is why neither <<< >>> nor __shared__ stands anywhere else.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace advspur::cuda {

template <class T>
using Type = T;  // so that arrays can be declared as double[8]

}  // namespace advspur::cuda

#ifndef ADVSPUR_SHARED
// `T name` in shared memory, not initialised. Not inside a loop.
#define ADVSPUR_SHARED(name, ...) __shared__ advspur::cuda::Type<__VA_ARGS__> name
extern __shared__ uint4 advspur_dynamic_shared[];
#define ADVSPUR_DYNAMIC_SHARED reinterpret_cast<char*>(advspur_dynamic_shared)
#endif

namespace advspur::cuda {

inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  throw std::runtime_error(std::string("advspur ") + what + ": " + cudaGetErrorString(status));
}

inline cudaStream_t as_stream(void* stream) {
  return static_cast<cudaStream_t>(stream);
}

constexpr size_t kStaticShared = 1024;  // of static shared memory, at most, where a launch takes all the rest

// Bytes of shared memory that a block of the current device can have.
inline size_t shared_memory() {
  int device = 0, bytes = 0;
  check(cudaGetDevice(&device), "device");
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "device");
  return static_cast<size_t>(bytes);
}

struct Grid {
  int64_t blocks;
  int threads;
  size_t shared = 0;  // bytes of dynamic shared memory a block
  int cluster = 1;    // blocks of a cluster; above 1 needs sm_90
};

// Throws std::runtime_error, with `what` in its words, where the launch fails. Nothing waits.
template <class... P, class... A>
void launch(const char* what, void (*kernel)(P...), const Grid& grid, cudaStream_t stream,
            const A&... arguments) {
  if (grid.blocks > INT32_MAX)
    throw std::runtime_error(std::string("advspur ") + what + ": the batch is too large");
  if (grid.shared > 48 << 10) {
    // Always as much as there is: another thread may be launching the same kernel with less.
    const int bytes = static_cast<int>(shared_memory() - kStaticShared);
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes), what);
  }
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim.x = static_cast<unsigned>(grid.cluster);
  attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(grid.blocks));
  config.blockDim = dim3(static_cast<unsigned>(grid.threads));
  config.dynamicSmemBytes = grid.shared;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = grid.cluster > 1 ? 1 : 0;
  check(cudaLaunchKernelEx(&config, kernel, P(arguments)...), what);
}

}  // namespace advspur::cuda
