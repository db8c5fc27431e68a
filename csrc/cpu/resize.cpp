#include "advspur/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/macros.h"

namespace advspur::cpu {
namespace {

constexpr int kBits = 32 - 8 - 2;  // Pillow's PRECISION_BITS
constexpr int32_t kHalf = 1 << (kBits - 1);
constexpr int64_t kSpare = 64;  // bytes behind a row: vectors may write and read a little further

typedef uint8_t Bytes16 __attribute__((vector_size(16)));
typedef int32_t Ints4 __attribute__((vector_size(16)));

// For each output, the first input and the weights of all. Every output has `size` weights, some of them
// zero, so that inner loops have one length: zero weights change no integer sum.
struct Taps {
  int64_t size = 1;
  std::vector<int64_t> first;
  std::vector<int32_t> weight;
};

// precompute_coeffs and normalize_coeffs_8bpc of Pillow, operation by operation, for outputs from .. from +
// n.
Taps make_taps(int64_t in, int64_t out, int64_t from, int64_t n) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double filter_scale = scale < 1.0 ? 1.0 : scale;
  const double support = 1.0 * filter_scale, inverse = 1.0 / filter_scale;
  Taps taps;
  taps.first.resize(static_cast<size_t>(n));
  std::vector<int64_t> last(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    const double center = (static_cast<double>(from + i) + 0.5) * scale;
    taps.first[i] = std::max<int64_t>(0, static_cast<int64_t>(center - support + 0.5));
    last[i] = std::min<int64_t>(in, static_cast<int64_t>(center + support + 0.5));
    taps.size = std::max(taps.size, last[i] - taps.first[i]);
  }
  taps.weight.assign(static_cast<size_t>(n * taps.size), 0);
  std::vector<double> real(static_cast<size_t>(taps.size));
  for (int64_t i = 0; i < n; ++i) {
    const double center = (static_cast<double>(from + i) + 0.5) * scale;
    const int64_t count = last[i] - taps.first[i];
    double sum = 0.0;
    for (int64_t k = 0; k < count; ++k) {
      const double x = std::fabs((static_cast<double>(k + taps.first[i]) - center + 0.5) * inverse);
      real[k] = x < 1.0 ? 1.0 - x : 0.0;
      sum += real[k];
    }
    // where the window would leave the input it is moved back, with zeros in front
    const int64_t moved = std::max<int64_t>(0, taps.first[i] + taps.size - in);
    taps.first[i] -= moved;
    for (int64_t k = 0; k < count; ++k) {
      const double share = sum != 0.0 ? real[k] / sum : real[k];
      taps.weight[i * taps.size + moved + k] = static_cast<int32_t>(0.5 + share * (1 << kBits));
    }
  }
  return taps;
}

ADVSPUR_HD uint8_t rounded(int32_t sum) {
  const int32_t value = sum >> kBits;
  return static_cast<uint8_t>(value > 255 ? 255 : value);
}

// Four bytes as four integers. A shuffle with zeros: compilers take __builtin_convertvector apart.
ADVSPUR_HD Ints4 widened(const uint8_t* from) {
  int32_t word;
  std::memcpy(&word, from, 4);
  const Ints4 alone = {word, 0, 0, 0};
  Bytes16 bytes;
  std::memcpy(&bytes, &alone, 16);
  bytes =
      __builtin_shufflevector(bytes, Bytes16{}, 0, 16, 16, 16, 1, 16, 16, 16, 2, 16, 16, 16, 3, 16, 16, 16);
  Ints4 wide;
  std::memcpy(&wide, &bytes, 16);
  return wide;
}

// Three channels lie in four lanes; the fourth is the next pixel's first and is overwritten by it. kSize 0:
// any.
template <int kSize>
ADVSPUR_HD void row_of_three(const uint8_t* in, const int64_t* first, const int32_t* weight, int64_t any,
                             int64_t n, uint8_t* out) {
  const int64_t size = kSize ? kSize : any;
  for (int64_t i = 0; i < n; ++i) {
    const uint8_t* at = in + first[i] * 3;
    Ints4 sum = {kHalf, kHalf, kHalf, kHalf};
    for (int64_t k = 0; k < size; ++k) {
      sum += widened(at + k * 3) * weight[i * size + k];
    }
    sum >>= kBits;
    sum = sum > 255 ? Ints4{255, 255, 255, 255} : sum;
    Bytes16 bytes;
    std::memcpy(&bytes, &sum, 16);
    bytes = __builtin_shufflevector(bytes, bytes, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12);
    std::memcpy(out + i * 3, &bytes, 4);
  }
}

template <int kSize>
ADVSPUR_HD void row_of_one(const uint8_t* in, const int64_t* first, const int32_t* weight, int64_t any,
                           int64_t n, uint8_t* out) {
  const int64_t size = kSize ? kSize : any;
  for (int64_t i = 0; i < n; ++i) {
    int32_t sum = kHalf;
    for (int64_t k = 0; k < size; ++k) sum += in[first[i] + k] * weight[i * size + k];
    out[i] = rounded(sum);
  }
}

template <int kSize>
ADVSPUR_HD void columns(const uint8_t* const* rows, const int32_t* weight, int64_t n, uint8_t* out) {
  const uint8_t* row[kSize];
  int32_t w[kSize];
  for (int k = 0; k < kSize; ++k) {
    row[k] = rows[k];
    w[k] = weight[k];
  }
  for (int64_t i = 0; i < n; ++i) {
    int32_t sum = kHalf;
    for (int k = 0; k < kSize; ++k) sum += row[k][i] * w[k];
    out[i] = rounded(sum);
  }
}

ADVSPUR_CLONES void resize_row(const uint8_t* in, const int64_t* first, const int32_t* weight, int64_t size,
                               int64_t n, int64_t channels, uint8_t* out) {
  if (channels == 1) {
    if (size == 3) return row_of_one<3>(in, first, weight, size, n, out);
    return row_of_one<0>(in, first, weight, size, n, out);
  }
  switch (size) {
    case 2:
      return row_of_three<2>(in, first, weight, size, n, out);
    case 3:
      return row_of_three<3>(in, first, weight, size, n, out);
    case 4:
      return row_of_three<4>(in, first, weight, size, n, out);
    case 5:
      return row_of_three<5>(in, first, weight, size, n, out);
    default:
      return row_of_three<0>(in, first, weight, size, n, out);
  }
}

ADVSPUR_CLONES void mix_rows(const uint8_t* const* rows, const int32_t* weight, int64_t size, int64_t n,
                             int32_t* sums, uint8_t* out) {
  switch (size) {
    case 1:
      return columns<1>(rows, weight, n, out);
    case 2:
      return columns<2>(rows, weight, n, out);
    case 3:
      return columns<3>(rows, weight, n, out);
    case 4:
      return columns<4>(rows, weight, n, out);
    case 5:
      return columns<5>(rows, weight, n, out);
    case 6:
      return columns<6>(rows, weight, n, out);
    default:
      break;
  }
  for (int64_t i = 0; i < n; ++i) sums[i] = kHalf;
  for (int64_t k = 0; k < size; ++k) {
    const uint8_t* row = rows[k];
    const int32_t w = weight[k];
    for (int64_t i = 0; i < n; ++i) sums[i] += row[i] * w;
  }
  for (int64_t i = 0; i < n; ++i) out[i] = rounded(sums[i]);
}

// Output rows [begin, end). Only the input rows under the filter are resized along, each once, into a ring.
void resize_band(const Resize& r, const Taps& across, const Taps& down, int64_t begin, int64_t end) {
  const int64_t bytes = r.out_width * r.channels, room = bytes + kSpare, slots = down.size;
  std::vector<uint8_t> ring(static_cast<size_t>(slots * room));
  std::vector<uint8_t> tail(static_cast<size_t>(r.in_width * r.channels + kSpare));
  std::vector<int32_t> sums(static_cast<size_t>(bytes));
  std::vector<const uint8_t*> rows(static_cast<size_t>(slots));
  int64_t ready = 0;  // input rows below this are in the ring, as far as they are still wanted
  for (int64_t y = begin; y < end; ++y) {
    const int64_t first = down.first[y];
    for (ready = std::max(ready, first); ready < first + slots; ++ready) {
      const uint8_t* in = r.in + ready * r.stride;
      if (ready == r.in_height - 1) {  // four bytes at a time would read past the image's end
        std::memcpy(tail.data(), in, static_cast<size_t>(r.in_width * r.channels));
        in = tail.data();
      }
      resize_row(in, across.first.data(), across.weight.data(), across.size, r.out_width, r.channels,
                 ring.data() + ready % slots * room);
    }
    for (int64_t k = 0; k < slots; ++k) rows[k] = ring.data() + (first + k) % slots * room;
    mix_rows(rows.data(), down.weight.data() + y * slots, slots, bytes, sums.data(), r.out + y * bytes);
  }
}

// The same with the passes the other way round: only the columns under the filter are mixed.
void resize_band_columns_first(const Resize& r, const Taps& across, const Taps& down, int64_t begin,
                               int64_t end) {
  const int64_t from = across.first.front(), to = across.first.back() + across.size;
  const int64_t bytes = r.out_width * r.channels, mixed = (to - from) * r.channels;
  std::vector<uint8_t> row(static_cast<size_t>(mixed + kSpare)), result(static_cast<size_t>(bytes + kSpare));
  std::vector<int32_t> sums(static_cast<size_t>(mixed));
  std::vector<int64_t> first(across.first);
  for (int64_t& f : first) f -= from;
  std::vector<const uint8_t*> rows(static_cast<size_t>(down.size));
  for (int64_t y = begin; y < end; ++y) {
    for (int64_t k = 0; k < down.size; ++k) {
      rows[k] = r.in + (down.first[y] + k) * r.stride + from * r.channels;
    }
    mix_rows(rows.data(), down.weight.data() + y * down.size, down.size, mixed, sums.data(), row.data());
    resize_row(row.data(), first.data(), across.weight.data(), across.size, r.out_width, r.channels,
               result.data());
    std::memcpy(r.out + y * bytes, result.data(), static_cast<size_t>(bytes));
  }
}

}  // namespace

void resize(const Resize& r, int threads) {
  const Taps across = make_taps(r.in_width, r.width, r.left, r.out_width);
  const Taps down = make_taps(r.in_height, r.height, r.top, r.out_height);
  const auto band = r.columns_first ? resize_band_columns_first : resize_band;
  if (threads <= 1 || r.out_height <= 1) return band(r, across, down, 0, r.out_height);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int i = 0; i < threads; ++i) {
    band(r, across, down, r.out_height * i / threads, r.out_height * (i + 1) / threads);
  }
}

}  // namespace advspur::cpu
