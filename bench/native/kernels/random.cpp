#include "advspur/random.h"

#include "case.h"
#include "core/philox.h"

namespace advspur::bench {
namespace {

constexpr uint64_t kSeed = 0x123456789abcdefull;
constexpr uint32_t kStream = 7;

// Box-Muller in double from the same words.
float twin(Draw kind, int64_t id, int64_t element) {
  const Philox4 words = draw_block(kSeed, id, kStream, static_cast<uint32_t>(element / 4));
  const int lane = element % 4;
  if (kind == Draw::kUniform) return static_cast<float>((words.lane[lane] >> 8) * 0x1p-24);
  const int pair = lane & ~1;
  const double radius = std::sqrt(-2 * std::log(((words.lane[pair] >> 8) + 1) * 0x1p-24));
  const double angle = (words.lane[pair + 1] >> 8) * (0x1p-24 * 2 * M_PI);
  return static_cast<float>(radius * (lane & 1 ? std::sin(angle) : std::cos(angle)));
}

std::string check_philox() {
  // Known answers of Random123: counter and key all zero, all one.
  const Philox4 zero = philox4x32_10(0, 0, 0, 0, 0, 0);
  const uint32_t m = 0xffffffffu;
  const Philox4 ones = philox4x32_10(m, m, m, m, m, m);
  const uint32_t of_zero[4] = {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u};
  const uint32_t of_ones[4] = {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu};
  for (int i = 0; i < 4; ++i)
    if (zero.lane[i] != of_zero[i] || ones.lane[i] != of_ones[i]) return "not Philox4x32-10";
  return "";
}

Case one(const Setup& s, const char* name, Draw kind) {
  const Array<float> out(s.place, static_cast<size_t>(s.batch * s.values()), 0.0f);
  const Array<int64_t> ids(s.place, counting(s.batch));
  const auto run = [=] {
    if (s.place == Place::kCpu)
      cpu::draw(kind, out.data(), ids.data(), s.batch, s.values(), kSeed, kStream, s.threads);
#ifdef ADVSPUR_HAS_CUDA
    else
      cuda::draw(kind, out.data(), ids.data(), s.batch, s.values(), kSeed, kStream, nullptr);
#endif
  };
  const auto check = [=] {
    if (const std::string wrong = check_philox(); !wrong.empty()) return wrong;
    run();
    std::vector<float> expected(out.size());
    for (size_t i = 0; i < expected.size(); ++i)
      expected[i] = twin(kind, static_cast<int64_t>(i) / s.values(), static_cast<int64_t>(i) % s.values());
    return differs(out.host(), expected, 2e-6);
  };
  return {name, 4.0 * out.size(), false, run, check};
}

}  // namespace

std::vector<Case> random_cases(const Setup& s) {
  return {one(s, "draw/uniform", Draw::kUniform), one(s, "draw/normal", Draw::kNormal)};
}

}  // namespace advspur::bench
