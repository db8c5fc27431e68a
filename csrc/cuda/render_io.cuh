// How the render kernels read and write: four neighbouring pixels a thread.
//
// kFast: everything is dense and aligned and the number of pixels is divisible by sixteen, so that a warp
// moves its 128 pixels 16 bytes a thread: bytes and 16-bit values are turned around in shared memory between
// the thread that computes with them and the one that moves them. Otherwise strides are followed one value at
// a time.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstring>

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

// staged: of this warp. All of its lanes call it; those beyond the image (n = 0) get nothing.
template <bool kFast>
__device__ void load_image(float x[3][kQuad], const ImageView& v, int64_t sample, int64_t width,
                           int64_t pixel, int n, uint4* staged) {
  if (kFast && v.bytes) {
    const int lane = threadIdx.x % 32, lanes = __popc(__ballot_sync(0xFFFFFFFFu, n == kQuad));
    const uint8_t* first =
        static_cast<const uint8_t*>(v.data) + sample * v.batch + 3 * (pixel - lane * kQuad);
    if (lane < lanes * 3 / 4) staged[lane] = __ldg(reinterpret_cast<const uint4*>(first) + lane);
    __syncwarp();
    if (n > 0) {
      const uint32_t* words = reinterpret_cast<const uint32_t*>(staged) + 3 * lane;
      const uint32_t word[3] = {words[0], words[1], words[2]};
#pragma unroll
      for (int i = 0; i < 3 * kQuad; ++i)
        x[i % 3][i / 3] = byte_to_unit(word[i / 4] >> (8 * (i % 4)) & 0xFFu);
    }
    __syncwarp();
  } else if (n == 0) {
    return;
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

// As one access, which the compiler does not make of a copied Quad by itself.
template <class T>
__device__ __forceinline__ void put(Quad<T>* to, const Quad<T>& quad) {
  if constexpr (sizeof(T) == 4) {
    *reinterpret_cast<float4*>(to) = make_float4(quad.value[0], quad.value[1], quad.value[2], quad.value[3]);
  } else {
    uint2 words;
    memcpy(&words, &quad, sizeof words);
    *reinterpret_cast<uint2*>(to) = words;
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

// Pixels of a variant, as T. staged: of this warp, 3 * 32 quads.
template <class T, bool kFast, bool kChannelsLast>
__device__ void store(const RenderJob& job, const float y[3][kQuad], int64_t image, int64_t pixels,
                      int64_t pixel, int n, Quad<T>* staged) {
  T* out = static_cast<T*>(job.out) + image * 3 * pixels;
  Quad<T> quad[3];  // of a channel; channels last: of the twelve values in their order
#pragma unroll
  for (int i = 0; i < 3 * kQuad; ++i) {
    quad[i / kQuad].value[i % kQuad] =
        kChannelsLast ? cast(y[i % 3][i / 3], T{}) : cast(y[i / kQuad][i % kQuad], T{});
  }
  if constexpr (!kFast) {
#pragma unroll
    for (int i = 0; i < kQuad; ++i) {
      if (i >= n) break;
#pragma unroll
      for (int c = 0; c < 3; ++c)
        out[kChannelsLast ? 3 * (pixel + i) + c : c * pixels + pixel + i] = cast(y[c][i], T{});
    }
  } else if constexpr (!kChannelsLast && sizeof(T) == 4) {
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      const float4 four = make_float4(quad[c].value[0], quad[c].value[1], quad[c].value[2], quad[c].value[3]);
      if (n == kQuad) __stwb(reinterpret_cast<float4*>(out + c * pixels + pixel), four);  // always one access
    }
  } else {
    const int lane = threadIdx.x % 32, lanes = __popc(__ballot_sync(0xFFFFFFFFu, n == kQuad));
    const int64_t first = pixel - lane * kQuad;
#pragma unroll
    for (int k = 0; k < 3; ++k) put(staged + (kChannelsLast ? 3 * lane + k : 32 * k + lane), quad[k]);
    __syncwarp();
    constexpr int kPixels = 16 / sizeof(T), kVectors = 3 * 32 * kQuad / kPixels;  // of a channel; of the warp
    const uint4* vectors = reinterpret_cast<const uint4*>(staged);
#pragma unroll
    for (int u = lane; u < kVectors; u += 32) {
      if constexpr (kChannelsLast) {
        if (u * kPixels < 3 * kQuad * lanes) reinterpret_cast<uint4*>(out + 3 * first)[u] = vectors[u];
      } else {
        const int c = u / (kVectors / 3), at = u % (kVectors / 3) * kPixels;
        if (at < kQuad * lanes) *reinterpret_cast<uint4*>(out + c * pixels + first + at) = vectors[u];
      }
    }
    __syncwarp();
  }
}

}  // namespace advspur::cuda
