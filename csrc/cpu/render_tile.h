// The inner loops of render, on tiles of pixels that stay in the first-level cache.
#pragma once

#include <cstdint>

#include "advspur/render.h"

namespace advspur::cpu {

constexpr int kTilePixels = 256;

// Bytes to [0, 1]: n of them, or n pixels of three interleaved channels to planes that lie kTilePixels apart.
void bytes_to_units(float* out, const uint8_t* bytes, int n);
void bytes_to_planes(float* planes, const uint8_t* bytes, int n);

void one_minus(float* out, const float* m, int n);
// The variants of one row of n values, up to the lower half of the clamp; finish_row does the rest in place.
void clean_row(float* y, const float* x, int n);
void noise_row(float* y, const float* x, const float* weight, const float* z, float amount, int n);
void blend_row(float* y, const float* x, const float* rest, const float* other, const float* weight, int n);
void finish_row(float* y, float mean, float scale, int n);

// Adds the squares of w * z for w = m, 1-m, 1 to sums. The order does not depend on the instruction set.
void add_squares(double sums[3], const float* m, const float* rest, const float* z, int n);

// Casts n values; or interleaves three planes (kTilePixels apart) of n values and casts.
void cast_row(void* out, const float* y, OutType type, int n);
void cast_interleaved(void* out, const float* planes, OutType type, int n);

// finish_row straight into `out`, past the caches; false if it cannot (alignment, instruction set, length).
bool finish_into(float* out, const float* y, float mean, float scale, int n);

// Copies into memory that will not be read soon, past the caches. End with finish_streaming.
void stream_out(void* out, const void* from, int64_t bytes);
void finish_streaming();

}  // namespace advspur::cpu
