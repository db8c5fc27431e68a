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
constexpr int64_t kSpare = 4;  // bytes behind a row: pixels are copied as four bytes

// Rows are resized along in blocks whose pixels lie side by side, kLanes bytes a pixel: four rows of three
// channels and one byte unused, or sixteen rows of one channel. So the inner loop is the same vector loop for
// both.
constexpr int kLanes = 16;

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

int64_t block_rows(int64_t channels) {
  return channels == 1 ? kLanes : kLanes / 4;
}

// Columns from .. to of a block of rows, side by side.
void interleave(const uint8_t* const* rows, int64_t channels, int64_t from, int64_t to, uint8_t* block) {
  const int64_t count = block_rows(channels);
  for (int64_t r = 0; r < count; ++r) {
    const uint8_t* in = rows[r] + from * channels;
    uint8_t* out = block + r * (kLanes / count);
    if (channels == 1) {
      for (int64_t x = 0; x < to - from; ++x) out[x * kLanes] = in[x];
    } else {
      for (int64_t x = 0; x < to - from - 1; ++x) std::memcpy(out + x * kLanes, in + x * 3, 4);
      std::memcpy(out + (to - from - 1) * kLanes, in + (to - from - 1) * 3, 3);
    }
  }
}

// Resizes a block along its rows. kSize 0: any number of weights.
template <int kSize>
ADVSPUR_HD void across_block(const uint8_t* block, const int64_t* first, const int32_t* weight, int64_t any,
                             int64_t n, uint8_t* out) {
  const int64_t size = kSize ? kSize : any;
  for (int64_t i = 0; i < n; ++i) {
    const uint8_t* at = block + first[i] * kLanes;
    int32_t sum[kLanes];
    for (int l = 0; l < kLanes; ++l) sum[l] = kHalf;
    for (int64_t k = 0; k < size; ++k) {
      const int32_t w = weight[i * size + k];
      for (int l = 0; l < kLanes; ++l) sum[l] += at[k * kLanes + l] * w;
    }
    for (int l = 0; l < kLanes; ++l) out[i * kLanes + l] = rounded(sum[l]);
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

ADVSPUR_CLONES void resize_block(const uint8_t* block, const int64_t* first, const int32_t* weight,
                                 int64_t size, int64_t n, uint8_t* out) {
  switch (size) {
    case 2:
      return across_block<2>(block, first, weight, size, n, out);
    case 3:
      return across_block<3>(block, first, weight, size, n, out);
    case 4:
      return across_block<4>(block, first, weight, size, n, out);
    case 5:
      return across_block<5>(block, first, weight, size, n, out);
    default:
      return across_block<0>(block, first, weight, size, n, out);
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

// Resizes rows along, a block at a time.
class Across {
 public:
  Across(const Resize& r, const Taps& taps)
      : rows_(block_rows(r.channels)),
        channels_(r.channels),
        n_(r.out_width),
        taps_(taps),
        first_(taps.first) {
    from_ = taps.first.front();
    to_ = taps.first.back() + taps.size;
    for (int64_t& f : first_) f -= from_;
    block_.resize(static_cast<size_t>((to_ - from_) * kLanes));
    result_.resize(static_cast<size_t>(n_ * kLanes));
  }

  int64_t rows() const { return rows_; }
  int64_t from() const { return from_; }
  int64_t to() const { return to_; }

  // in: rows() rows, beginning at column from() - shift of the image. out: room for n * channels + kSpare
  // bytes each.
  void operator()(const uint8_t* const* in, int64_t shift, uint8_t* const* out) {
    interleave(in, channels_, from_ - shift, to_ - shift, block_.data());
    resize_block(block_.data(), first_.data(), taps_.weight.data(), taps_.size, n_, result_.data());
    for (int64_t r = 0; r < rows_; ++r) {
      const uint8_t* from = result_.data() + r * (kLanes / rows_);
      if (channels_ == 1) {
        for (int64_t i = 0; i < n_; ++i) out[r][i] = from[i * kLanes];
      } else {
        for (int64_t i = 0; i < n_; ++i) std::memcpy(out[r] + i * 3, from + i * kLanes, 4);
      }
    }
  }

 private:
  int64_t rows_, channels_, n_, from_, to_;
  const Taps& taps_;
  std::vector<int64_t> first_;
  std::vector<uint8_t> block_, result_;
};

// Output rows [begin, end). Only the input rows under the filter are resized along, each once, into a ring.
void resize_band(const Resize& r, const Taps& across, const Taps& down, int64_t begin, int64_t end) {
  Across along(r, across);
  const int64_t bytes = r.out_width * r.channels, room = bytes + kSpare;
  const int64_t slots = down.size + along.rows() - 1;
  std::vector<uint8_t> ring(static_cast<size_t>(slots * room));
  std::vector<int32_t> sums(static_cast<size_t>(bytes));
  std::vector<const uint8_t*> rows(static_cast<size_t>(down.size));
  const uint8_t* in[kLanes];
  uint8_t* out[kLanes];
  int64_t ready = 0;  // input rows below this are in the ring, as far as they are still wanted
  for (int64_t y = begin; y < end; ++y) {
    const int64_t first = down.first[y];
    for (ready = std::max(ready, first); ready < first + down.size; ready += along.rows()) {
      for (int64_t k = 0; k < along.rows(); ++k) {  // below the image the last row again, which nobody reads
        in[k] = r.in + std::min(ready + k, r.in_height - 1) * r.stride;
        out[k] = ring.data() + (ready + k) % slots * room;
      }
      along(in, 0, out);
    }
    for (int64_t k = 0; k < down.size; ++k) rows[k] = ring.data() + (first + k) % slots * room;
    mix_rows(rows.data(), down.weight.data() + y * down.size, down.size, bytes, sums.data(),
             r.out + y * bytes);
  }
}

// The same with the passes the other way round: only the columns under the filter are mixed.
void resize_band_columns_first(const Resize& r, const Taps& across, const Taps& down, int64_t begin,
                               int64_t end) {
  Across along(r, across);
  const int64_t bytes = r.out_width * r.channels, mixed = (along.to() - along.from()) * r.channels;
  std::vector<uint8_t> row(static_cast<size_t>(along.rows() * (mixed + kSpare)));
  std::vector<uint8_t> result(static_cast<size_t>(along.rows() * (bytes + kSpare)));
  std::vector<int32_t> sums(static_cast<size_t>(mixed));
  std::vector<const uint8_t*> rows(static_cast<size_t>(down.size));
  const uint8_t* in[kLanes];
  uint8_t* out[kLanes];
  for (int64_t y = begin; y < end; y += along.rows()) {
    const int64_t count = std::min(along.rows(), end - y);
    for (int64_t b = 0; b < along.rows(); ++b) {
      in[b] = row.data() + std::min(b, count - 1) * (mixed + kSpare);
      out[b] = result.data() + b * (bytes + kSpare);
    }
    for (int64_t b = 0; b < count; ++b) {
      for (int64_t k = 0; k < down.size; ++k) {
        rows[k] = r.in + (down.first[y + b] + k) * r.stride + along.from() * r.channels;
      }
      mix_rows(rows.data(), down.weight.data() + (y + b) * down.size, down.size, mixed, sums.data(),
               row.data() + b * (mixed + kSpare));
    }
    along(in, along.from(), out);
    for (int64_t b = 0; b < count; ++b) {
      std::memcpy(r.out + (y + b) * bytes, out[b], static_cast<size_t>(bytes));
    }
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
