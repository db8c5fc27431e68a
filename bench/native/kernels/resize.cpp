#include "advspur/resize.h"

#include <algorithm>

#include "case.h"

namespace advspur::bench {
namespace {

// Pillow's weights in units of 2^-22: what each input adds to each output.
std::vector<std::vector<int64_t>> weights(int64_t size, int64_t to) {
  const double scale = static_cast<double>(size) / static_cast<double>(to), support = std::max(scale, 1.0);
  std::vector<std::vector<int64_t>> table(to, std::vector<int64_t>(size, 0));
  for (int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int64_t low = std::max<int64_t>(0, static_cast<int64_t>(center - support + 0.5));
    const int64_t high = std::min(size, static_cast<int64_t>(center + support + 0.5));
    std::vector<double> shares;
    double total = 0;
    for (int64_t k = low; k < high; ++k) {
      const double away = std::fabs((static_cast<double>(k) - center + 0.5) * (1.0 / support));
      shares.push_back(std::max(0.0, 1.0 - away));
      total += shares.back();
    }
    for (int64_t k = low; k < high; ++k)
      table[i][k] = static_cast<int64_t>(0.5 + shares[k - low] / total * (1 << 22));
  }
  return table;
}

uint8_t rounded(int64_t sum) {
  return static_cast<uint8_t>(std::clamp<int64_t>((sum + (1 << 21)) >> 22, 0, 255));
}

}  // namespace

// Photographs of 4:3 to the images of the batch, one after another, a centre crop of 7/8. CPU only.
std::vector<Case> resize_cases(const Setup& s) {
  if (s.place != Place::kCpu) return {};
  const int64_t to = s.side * 8 / 7, tall = to * 3 / 2, wide = tall * 4 / 3, to_wide = to * 4 / 3;
  const int64_t top = (to - s.side) / 2, left = (to_wide - s.side) / 2;
  std::vector<uint8_t> given(static_cast<size_t>(tall * wide * 3));
  for (size_t i = 0; i < given.size(); ++i) given[i] = static_cast<uint8_t>((i * 2654435761u) >> 13);
  const Array<uint8_t> in(s.place, given), out(s.place, static_cast<size_t>(s.batch * s.values()), 0);
  const auto run = [=] {
    (void)in;
    for (int64_t b = 0; b < s.batch; ++b)
      cpu::resize({in.data(), 3 * wide, tall, wide, 3, to, to_wide, top, left, s.side, s.side,
                   out.data() + b * s.values(), false},
                  s.threads);
  };
  const auto check = [=] {
    run();
    const auto rows = weights(tall, to), columns = weights(wide, to_wide);
    std::vector<uint8_t> half(static_cast<size_t>(tall * to_wide * 3)), one;
    for (int64_t y = 0; y < tall; ++y)
      for (int64_t x = 0; x < to_wide; ++x)
        for (int64_t c = 0; c < 3; ++c) {
          int64_t sum = 0;
          for (int64_t k = 0; k < wide; ++k) sum += columns[x][k] * given[(y * wide + k) * 3 + c];
          half[(y * to_wide + x) * 3 + c] = rounded(sum);
        }
    for (int64_t y = top; y < top + s.side; ++y)
      for (int64_t x = left; x < left + s.side; ++x)
        for (int64_t c = 0; c < 3; ++c) {
          int64_t sum = 0;
          for (int64_t k = 0; k < tall; ++k) sum += rows[y][k] * half[(k * to_wide + x) * 3 + c];
          one.push_back(rounded(sum));
        }
    std::vector<uint8_t> expected;
    for (int64_t b = 0; b < s.batch; ++b) expected.insert(expected.end(), one.begin(), one.end());
    return differs(out.host(), expected, 0);
  };
  return {{"resize/4:3 photograph, centre crop",
           static_cast<double>(s.batch * (tall * wide * 3 + s.values())), false, run, check}};
}

}  // namespace advspur::bench
