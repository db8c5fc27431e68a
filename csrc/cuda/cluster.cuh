// Thread-block clusters (sm_90): blocks that run together and read and write one another's shared memory.
// Below sm_90 a launch has no clusters, and nothing here is called.
#pragma once

#include "cuda/launch.cuh"

namespace advspur::cuda {

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900

__device__ __forceinline__ int cluster_rank() {
  return static_cast<int>(__clusterRelativeBlockRank());
}

// Everything written before it, here or in another block's shared memory, is there for all blocks after it.
__device__ __forceinline__ void cluster_sync() {
  __cluster_barrier_arrive();
  __cluster_barrier_wait();
}

// The same place in the shared memory of block `rank`.
template <class T>
__device__ __forceinline__ T* in_block(T* shared, int rank) {
  return static_cast<T*>(
      __cluster_map_shared_rank(const_cast<std::remove_const_t<T>*>(shared), static_cast<unsigned>(rank)));
}

#else

__device__ __forceinline__ int cluster_rank() {
  return 0;
}
__device__ __forceinline__ void cluster_sync() {}
template <class T>
__device__ __forceinline__ T* in_block(T* shared, int) {
  return shared;
}

#endif

}  // namespace advspur::cuda
