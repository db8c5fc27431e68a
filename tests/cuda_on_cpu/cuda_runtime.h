// Stands in for the CUDA toolkit's header: what csrc/cuda uses of the language and of the runtime, for a C++
// compiler. Every function has CUDA's name and meaning.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#include "machine.h"
#include "watch.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) alignas(n)
#define ADVSPUR_SHARED(name, ...)    \
  static const char name##_site = 0; \
  advspur::cuda::Type<__VA_ARGS__>& name = *emulated::shared<advspur::cuda::Type<__VA_ARGS__>>(&name##_site)
#define ADVSPUR_DYNAMIC_SHARED emulated::dynamic_shared()

using std::isfinite;

struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
inline float4 make_float4(float x, float y, float z, float w) {
  return {x, y, z, w};
}
inline int4 make_int4(int x, int y, int z, int w) {
  return {x, y, z, w};
}
inline uint2 make_uint2(unsigned x, unsigned y) {
  return {x, y};
}
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
  return {x, y, z, w};
}

// ---- threads together. The last two arguments say where they meet.

#define ADVSPUR_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(ADVSPUR_HERE) {
  emulated::wait_for_block(false, {file, line}, "__syncthreads");
}
inline int __syncthreads_or(int vote, ADVSPUR_HERE) {
  return emulated::wait_for_block(vote != 0, {file, line}, "__syncthreads_or");
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, ADVSPUR_HERE) {
  emulated::gather(mask, 0, true, {file, line});
}

template <class T>
uint64_t to_word(T value) {
  static_assert(sizeof(T) <= 8);
  uint64_t word = 0;
  std::memcpy(&word, &value, sizeof value);
  return word;
}
template <class T>
T from_lane(unsigned mask, T value, int source, emulated::Site site) {
  const uint64_t* words = emulated::gather(mask, to_word(value), false, site);
  if (source < 0 || source > 31) return value;
  if ((mask >> source & 1u) == 0)
    emulated::fault("a shuffle from a lane outside of the mask, %s:%d", site.file, site.line);
  T other;
  std::memcpy(&other, words + source, sizeof other);
  return other;
}
inline int lane_of_this() {
  return static_cast<int>(threadIdx.x) & 31;
}
template <class T>
T __shfl_sync(unsigned mask, T value, int source, ADVSPUR_HERE) {
  return from_lane(mask, value, source & 31, {file, line});
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int other, ADVSPUR_HERE) {
  return from_lane(mask, value, lane_of_this() ^ other, {file, line});
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, ADVSPUR_HERE) {
  return from_lane(mask, value, lane_of_this() + static_cast<int>(by), {file, line});
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, ADVSPUR_HERE) {
  return from_lane(mask, value, lane_of_this() - static_cast<int>(by), {file, line});
}
inline unsigned __ballot_sync(unsigned mask, int vote, ADVSPUR_HERE) {
  const uint64_t* words = emulated::gather(mask, vote != 0, false, {file, line});
  unsigned ballot = 0;
  for (int lane = 0; lane < 32; ++lane) {
    if (mask >> lane & 1u) ballot |= static_cast<unsigned>(words[lane]) << lane;
  }
  return ballot;
}
inline int __any_sync(unsigned mask, int vote, ADVSPUR_HERE) {
  return __ballot_sync(mask, vote, file, line) != 0;
}
inline int __all_sync(unsigned mask, int vote, ADVSPUR_HERE) {
  return __ballot_sync(mask, vote, file, line) == mask;
}
template <class T, class F>
T fold_lanes_of(unsigned mask, T value, emulated::Site site, F fold) {
  const uint64_t* words = emulated::gather(mask, to_word(value), false, site);
  T all{};
  bool first = true;
  for (int lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1u) == 0) continue;
    T other;
    std::memcpy(&other, words + lane, sizeof other);
    all = first ? other : fold(all, other);
    first = false;
  }
  return all;
}
inline unsigned __reduce_max_sync(unsigned mask, unsigned value, ADVSPUR_HERE) {
  return fold_lanes_of(mask, value, {file, line}, [](unsigned a, unsigned b) { return a > b ? a : b; });
}
inline unsigned __reduce_or_sync(unsigned mask, unsigned value, ADVSPUR_HERE) {
  return fold_lanes_of(mask, value, {file, line}, [](unsigned a, unsigned b) { return a | b; });
}
inline int __reduce_add_sync(unsigned mask, int value, ADVSPUR_HERE) {
  return fold_lanes_of(mask, value, {file, line}, [](int a, int b) { return a + b; });
}

// ---- clusters of blocks (sm_90)

inline void __cluster_barrier_arrive(ADVSPUR_HERE) {
  emulated::arrive_at_cluster({file, line});
}
inline void __cluster_barrier_wait(ADVSPUR_HERE) {
  emulated::wait_for_cluster({file, line});
}
inline unsigned __clusterRelativeBlockRank() {
  return emulated::current->block->rank;
}
inline unsigned __clusterSizeInBlocks() {
  return static_cast<unsigned>(emulated::current->block->cluster->blocks.size());
}
inline void* __cluster_map_shared_rank(const void* address, unsigned rank) {
  return emulated::map_shared(address, rank);
}

// ---- memory

template <class T>
T __ldg(const T* p) {
  return *p;
}
template <class T>
T __ldcs(const T* p) {
  return *p;
}
template <class T>
void __stwb(T* p, T value) {
  *p = value;
}
template <class T>
void __stcs(T* p, T value) {
  *p = value;
}
template <class T, class F>
T atomic_change(T* p, F change) {
  emulated::touch(p, sizeof(T), true, true);
  T old;
  emulated::move_unseen(&old, p, sizeof old);
  const T now = change(old);
  emulated::move_unseen(p, &now, sizeof now);
  return old;
}
template <class T, class U>
T atomicAdd(T* p, U value) {
  static_assert(std::is_integral_v<T>, "sums of floats have no order here");
  return atomic_change(p, [&](T old) { return static_cast<T>(old + static_cast<T>(value)); });
}
template <class T, class U>
T atomicMax(T* p, U value) {
  return atomic_change(p, [&](T old) { return old > static_cast<T>(value) ? old : static_cast<T>(value); });
}
template <class T, class U>
T atomicOr(T* p, U value) {
  return atomic_change(p, [&](T old) { return static_cast<T>(old | static_cast<T>(value)); });
}

// ---- arithmetic

inline unsigned max(unsigned a, unsigned b) {
  return a > b ? a : b;
}
inline unsigned long long max(unsigned long long a, unsigned long long b) {
  return a > b ? a : b;
}
inline int max(int a, int b) {
  return a > b ? a : b;
}
inline unsigned min(unsigned a, unsigned b) {
  return a < b ? a : b;
}
inline int min(int a, int b) {
  return a < b ? a : b;
}
inline long min(long a, long b) {
  return a < b ? a : b;
}
inline int __popc(unsigned x) {
  return __builtin_popcount(x);
}
template <class T, class F>
T as(F from) {
  static_assert(sizeof(T) == sizeof(F));
  T to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
inline long long __double_as_longlong(double x) {
  return as<long long>(x);
}
inline double __longlong_as_double(long long x) {
  return as<double>(x);
}
inline unsigned __float_as_uint(float x) {
  return as<unsigned>(x);
}
inline float __uint_as_float(unsigned x) {
  return as<float>(x);
}

// ---- the runtime

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidConfiguration = 9, cudaErrorInvalidValue = 1 };
using cudaStream_t = void*;
enum cudaDeviceAttr { cudaDevAttrMaxSharedMemoryPerBlockOptin, cudaDevAttrComputeCapabilityMajor };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaLaunchAttributeID { cudaLaunchAttributeClusterDimension = 4 };
struct cudaLaunchAttributeValue {
  struct {
    unsigned x, y, z;
  } clusterDim;
};
struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  cudaLaunchAttributeValue val;
};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute* attrs;
  unsigned numAttrs;
};
inline cudaError_t& last_error() {
  static cudaError_t error = cudaSuccess;
  return error;
}
inline cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error();
  last_error() = cudaSuccess;
  return error;
}
inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaSuccess             ? "no error"
         : error == cudaErrorInvalidValue ? "invalid argument"
                                          : "invalid configuration";
}
inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr what, int) {
  *value = what == cudaDevAttrComputeCapabilityMajor ? emulated::machine.major
                                                     : static_cast<int>(emulated::machine.shared_limit);
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t = nullptr) {
  emulated::set_memory(p, value, bytes);
  return cudaSuccess;
}
inline std::map<const void*, size_t>& shared_allowed() {
  static std::map<const void*, size_t> allowed;
  return allowed;
}
template <class K>
cudaError_t cudaFuncSetAttribute(K* kernel, cudaFuncAttribute, int value) {
  if (value < 0 || static_cast<size_t>(value) > emulated::machine.shared_limit)
    return last_error() = cudaErrorInvalidValue;
  shared_allowed()[reinterpret_cast<const void*>(kernel)] = static_cast<size_t>(value);
  return cudaSuccess;
}
template <class... P, class... A>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* c, void (*kernel)(P...), A&&... arguments) {
  emulated::Launch launch;
  launch.name = "a kernel";
  launch.grid = c->gridDim, launch.threads = c->blockDim, launch.shared = c->dynamicSmemBytes;
  for (unsigned k = 0; k < c->numAttrs; ++k) launch.cluster = c->attrs[k].val.clusterDim.x;
  const bool too_much =
      launch.shared > 49152 && shared_allowed()[reinterpret_cast<const void*>(kernel)] < launch.shared;
  if (launch.grid.x == 0 || launch.grid.x > 0x7FFFFFFFu || launch.threads.x == 0 || launch.threads.x > 1024 ||
      too_much || launch.cluster == 0 || launch.cluster > 8 || launch.grid.x % launch.cluster != 0 ||
      (launch.cluster > 1 && emulated::machine.major < 9)) {
    return last_error() = cudaErrorInvalidConfiguration;
  }
  const std::tuple<P...> held(arguments...);
  launch.kernel = [&] { std::apply(kernel, held); };
  emulated::run(launch);
  return cudaSuccess;
}
