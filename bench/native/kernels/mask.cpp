#include "advspur/dilate.h"
#include "case.h"

namespace advspur::bench {

// A plus-shaped largest value, round after round, in the plainest way. CPU only.
std::vector<Case> mask_cases(const Setup& s) {
  if (s.place != Place::kCpu) return {};
  constexpr int64_t reach = 2, rounds = 15;
  const int64_t pixels = s.side * s.side;
  std::vector<uint8_t> given(static_cast<size_t>(s.batch * pixels));
  for (size_t i = 0; i < given.size(); ++i) given[i] = i % 701 == 0 ? static_cast<uint8_t>(i % 251) : 0;
  const Array<uint8_t> masks(s.place, given), out(s.place, given.size(), 0);
  const auto run = [=] {
    (void)masks, (void)out;
    cpu::dilate({masks.data(), out.data(), s.batch, s.side, s.side, reach, rounds}, s.threads);
  };
  const auto check = [=] {
    run();
    std::vector<uint8_t> now = given;
    for (int64_t round = 0; round < rounds; ++round) {
      std::vector<uint8_t> next = now;
      for (int64_t b = 0; b < s.batch; ++b)
        for (int64_t y = 0; y < s.side; ++y)
          for (int64_t x = 0; x < s.side; ++x)
            for (int64_t k = -reach; k <= reach; ++k) {
              uint8_t& to = next[b * pixels + y * s.side + x];
              if (y + k >= 0 && y + k < s.side) to = std::max(to, now[b * pixels + (y + k) * s.side + x]);
              if (x + k >= 0 && x + k < s.side) to = std::max(to, now[b * pixels + y * s.side + x + k]);
            }
      now = next;
    }
    return differs(out.host(), now, 0);
  };
  return {{"dilate/plus of 2, 15 rounds", 2.0 * s.batch * pixels, false, run, check}};
}

}  // namespace advspur::bench
