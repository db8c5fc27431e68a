// Launch helpers shared by the CUDA kernels: error text, and a grid that covers n without syncing.
#pragma once

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace advspur::cuda {

inline void check_launch(const char* what) {
  const cudaError_t status = cudaGetLastError();
  if (status != cudaSuccess) {
    throw std::runtime_error(std::string("advspur ") + what + ": " + cudaGetErrorString(status));
  }
}

inline cudaStream_t as_stream(void* stream) {
  return static_cast<cudaStream_t>(stream);
}

}  // namespace advspur::cuda
