// How the render kernels read and write: four neighbouring pixels a thread.
//
// kFast: everything is dense and aligned and the number of pixels is divisible by four, so that all of a
// thread's values move in whole vectors. Otherwise strides are followed one value at a time.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "advspur/render.h"
#include "core/pixel.h"

namespace advspur::cuda {

constexpr int kQuad = 4;  // pixels of a thread

inline __device__ float cast(float y, float) {
  return y;
}
inline __device__ __half cast(float y, __half) {
  return __float2half_rn(y);
}
inline __device__ __nv_bfloat16 cast(float y, __nv_bfloat16) {
  return __float2bfloat16_rn(y);
}

// Four values of one type, moved at once.
template <class T>
struct alignas(kQuad * sizeof(T)) Quad {
  T value[kQuad];
};

template <bool kFast>
__device__ void load_image(float x[3][kQuad], const ImageView& v, int64_t sample, int64_t width,
                           int64_t pixel, int n) {
  if (kFast && v.bytes) {
    const uint8_t* data = static_cast<const uint8_t*>(v.data) + sample * v.batch + 3 * pixel;
    const uint32_t* words = reinterpret_cast<const uint32_t*>(data);
    const uint32_t word[3] = {__ldg(words), __ldg(words + 1), __ldg(words + 2)};
#pragma unroll
    for (int i = 0; i < 3 * kQuad; ++i) x[i % 3][i / 3] = byte_to_unit(word[i / 4] >> (8 * (i % 4)) & 0xFFu);
  } else if (kFast) {
    const float* data = static_cast<const float*>(v.data) + sample * v.batch + pixel;
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      const float4 four = __ldg(reinterpret_cast<const float4*>(data + c * v.channel));
      x[c][0] = four.x;
      x[c][1] = four.y;
      x[c][2] = four.z;
      x[c][3] = four.w;
    }
  } else {
#pragma unroll
    for (int i = 0; i < kQuad; ++i) {
      const int64_t p = pixel + (i < n ? i : 0);
      const int64_t at = sample * v.batch + p / width * v.row + p % width * v.column;
#pragma unroll
      for (int c = 0; c < 3; ++c) {
        x[c][i] = v.bytes ? byte_to_unit(static_cast<const uint8_t*>(v.data)[at + c * v.channel])
                          : static_cast<const float*>(v.data)[at + c * v.channel];
      }
    }
  }
}

template <bool kFast>
__device__ void load_mask(float m[kQuad], const MaskView& v, int64_t sample, int64_t width, int64_t pixel,
                          int n) {
  if (kFast && v.bytes) {
    const uint8_t* data = static_cast<const uint8_t*>(v.data) + sample * v.batch + pixel;
    const uint32_t word = __ldg(reinterpret_cast<const uint32_t*>(data));
#pragma unroll
    for (int i = 0; i < kQuad; ++i) m[i] = byte_to_unit(word >> (8 * i) & 0xFFu);
  } else if (kFast) {
    const float* data = static_cast<const float*>(v.data) + sample * v.batch + pixel;
    const float4 four = __ldg(reinterpret_cast<const float4*>(data));
    m[0] = four.x;
    m[1] = four.y;
    m[2] = four.z;
    m[3] = four.w;
  } else {
#pragma unroll
    for (int i = 0; i < kQuad; ++i) {
      const int64_t p = pixel + (i < n ? i : 0);
      const int64_t at = sample * v.batch + p / width * v.row + p % width * v.column;
      m[i] = v.bytes ? byte_to_unit(static_cast<const uint8_t*>(v.data)[at])
                     : static_cast<const float*>(v.data)[at];
    }
  }
}

template <class T, bool kFast>
__device__ void store_planes(const RenderJob& job, const float y[3][kQuad], int64_t image, int64_t pixels,
                             int64_t pixel, int n) {
  T* out = static_cast<T*>(job.out) + image * 3 * pixels + pixel;
#pragma unroll
  for (int c = 0; c < 3; ++c) {
    Quad<T> four;
#pragma unroll
    for (int i = 0; i < kQuad; ++i) four.value[i] = cast(y[c][i], T{});
    if constexpr (kFast) {
      if (n == kQuad) *reinterpret_cast<Quad<T>*>(out + c * pixels) = four;
    } else {
      for (int i = 0; i < n; ++i) out[c * pixels + i] = four.value[i];
    }
  }
}

// A warp turns its 128 pixels around in shared memory, so that neighbouring lanes write neighbouring chunks.
template <class T, bool kFast>
__device__ void store_interleaved(const RenderJob& job, const float y[3][kQuad], int64_t image,
                                  int64_t pixels, int64_t pixel, int n, Quad<T>* staged) {
  Quad<T> chunk[3];
#pragma unroll
  for (int i = 0; i < 3 * kQuad; ++i) chunk[i / kQuad].value[i % kQuad] = cast(y[i % 3][i / 3], T{});
  T* out = static_cast<T*>(job.out) + image * 3 * pixels;
  if constexpr (kFast) {
    const int lane = threadIdx.x % 32;
    const int chunks = 3 * __popc(__ballot_sync(0xFFFFFFFFu, n == kQuad));
#pragma unroll
    for (int k = 0; k < 3; ++k) staged[3 * lane + k] = chunk[k];
    __syncwarp();
    Quad<T>* first = reinterpret_cast<Quad<T>*>(out + 3 * (pixel - lane * kQuad));
#pragma unroll
    for (int k = 0; k < 3; ++k) {
      if (32 * k + lane < chunks) first[32 * k + lane] = staged[32 * k + lane];
    }
    __syncwarp();
  } else {
#pragma unroll
    for (int i = 0; i < 3 * kQuad; ++i) {
      if (i < 3 * n) out[3 * pixel + i] = chunk[i / kQuad].value[i % kQuad];
    }
  }
}

}  // namespace advspur::cuda
