// Elementwise kernels: who touches which element, four at a time where addresses allow.
#pragma once

#include <cstdint>

#include "cuda/launch.cuh"

namespace advspur::cuda {

constexpr int kThreads = 256;
constexpr int kPerThread = 8;                         // elements a thread handles
constexpr int64_t kPerBlock = kThreads * kPerThread;  // elements a block handles, of one sample

// Blocks needed for samples of n elements; block b serves sample b / blocks_for(n).
inline __host__ __device__ int64_t blocks_for(int64_t n) {
  return (n + kPerBlock - 1) / kPerBlock;
}

// Vectors of 16 bytes need rows that start at multiples of them.
template <class... T>
inline bool fits_vectors(int64_t n, const T*... rows) {
  uintptr_t bits = 0;
  ((bits |= reinterpret_cast<uintptr_t>(rows)), ...);
  return n % 4 == 0 && bits % 16 == 0;
}

// Four values of 4 bytes, moved as one.
__device__ __forceinline__ void load_four(const float* from, float value[4]) {
  const float4 four = *reinterpret_cast<const float4*>(from);
  value[0] = four.x;
  value[1] = four.y;
  value[2] = four.z;
  value[3] = four.w;
}
__device__ __forceinline__ void store_four(float* to, const float value[4]) {
  *reinterpret_cast<float4*>(to) = make_float4(value[0], value[1], value[2], value[3]);
}
__device__ __forceinline__ void store_four(int32_t* to, const int32_t value[4]) {
  *reinterpret_cast<int4*>(to) = make_int4(value[0], value[1], value[2], value[3]);
}

// Four values or one.
template <bool kVector, class T, int kCount>
__device__ __forceinline__ void load_some(const T* from, T (&value)[kCount]) {
  static_assert(kCount == (kVector ? 4 : 1));
  if constexpr (kVector) {
    load_four(from, value);
  } else {
    value[0] = *from;
  }
}
template <bool kVector, class T, int kCount>
__device__ __forceinline__ void store_some(T* to, const T (&value)[kCount]) {
  static_assert(kCount == (kVector ? 4 : 1));
  if constexpr (kVector) {
    store_four(to, value);
  } else {
    *to = value[0];
  }
}

// out[e] = f(e, a[e], b[e], c[e]) over this block's part of a row; out may be one of the inputs; b and c may
// be null.
template <bool kVector, class F>
__device__ __forceinline__ void map_row(float* out, const float* a, const float* b, const float* c,
                                        int64_t part, int64_t n, const F& f) {
  const uint32_t start = static_cast<uint32_t>(part * kPerBlock);
  if constexpr (kVector) {
    float4 va[kPerThread / 4], vb[kPerThread / 4] = {}, vc[kPerThread / 4] = {};
#pragma unroll
    for (int j = 0; j < kPerThread / 4; ++j) {
      const uint32_t e = start + 4 * (threadIdx.x + j * kThreads);
      if (e < n) {
        va[j] = *reinterpret_cast<const float4*>(a + e);
        if (b != nullptr) vb[j] = *reinterpret_cast<const float4*>(b + e);
        if (c != nullptr) vc[j] = *reinterpret_cast<const float4*>(c + e);
      }
    }
#pragma unroll
    for (int j = 0; j < kPerThread / 4; ++j) {
      const uint32_t e = start + 4 * (threadIdx.x + j * kThreads);
      if (e < n) {
        float4 r;
        r.x = f(e, va[j].x, vb[j].x, vc[j].x);
        r.y = f(e + 1, va[j].y, vb[j].y, vc[j].y);
        r.z = f(e + 2, va[j].z, vb[j].z, vc[j].z);
        r.w = f(e + 3, va[j].w, vb[j].w, vc[j].w);
        *reinterpret_cast<float4*>(out + e) = r;
      }
    }
  } else {
    for (int j = 0; j < kPerThread; ++j) {
      const uint32_t e = start + threadIdx.x + j * kThreads;
      if (e < n) out[e] = f(e, a[e], b == nullptr ? 0.0f : b[e], c == nullptr ? 0.0f : c[e]);
    }
  }
}

}  // namespace advspur::cuda
