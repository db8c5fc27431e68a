// cuda-on-cpu: the CUDA kernels' source against the CPU kernels, on an emulated GPU.
//     cuda-on-cpu [--traffic] [--sm 80|90] [--seed FIRST] [--seeds N] FAMILY ...   |   cuda-on-cpu fault NAME
#include <algorithm>
#include <map>

#include "check.h"

namespace check {

std::string what;
namespace {
bool traffic = false;
}

std::vector<float> Dice::uniform(size_t n, float low, float high) {
  std::vector<float> out(n);
  for (float& v : out) v = low + (high - low) * (static_cast<float>(engine() >> 8) * 0x1p-24f);
  return out;
}
std::vector<float> Dice::clean(size_t n) {
  std::vector<float> out = uniform(n, -0.1f, 1.1f);
  for (float& v : out) v = std::min(std::max(v, 0.0f), 1.0f);
  return out;
}
std::vector<float> Dice::normal(size_t n) {
  std::vector<float> out(n);
  for (float& v : out) {
    v = 0;
    for (int k = 0; k < 6; ++k) v += static_cast<float>(engine() >> 8) * 0x1p-24f - 0.5f;
    v = std::round(v * 128.0f) / 64.0f;
  }
  return out;
}
std::vector<uint8_t> Dice::bytes(size_t n, int top) {
  std::vector<uint8_t> out(n);
  for (uint8_t& v : out) v = static_cast<uint8_t>(engine() % static_cast<unsigned>(top + 1));
  return out;
}

std::string Problem::words() const {
  return std::to_string(samples) + "x" + std::to_string(channels) + "x" + std::to_string(side) + "x" +
         std::to_string(side) + (masked ? interleaved ? " NHWC mask" : " mask" : "") +
         (misalign ? " unaligned" : "");
}

std::vector<Problem> problems() {
  if (traffic) return {{1, 3, 224, false, false, 0}};
  std::vector<Problem> all = {
      {0, 3, 4, false, false, 0},  {1, 1, 1, false, false, 0},  {1, 1, 3, true, false, 0},
      {5, 3, 17, false, false, 0}, {3, 3, 17, true, true, 1},   {3, 3, 16, true, false, 0},
      {2, 3, 40, true, true, 0},   {3, 3, 32, false, false, 1}, {1, 3, 64, true, false, 0}};
  // More than one block holds: a cluster shares them on sm_90.
  all.push_back(emulated::machine.seed % 2 == 0 ? Problem{1, 3, 97, false, false, 0}
                                                : Problem{1, 3, 100, true, false, 0});
  return all;
}

const char* name_of(Norm norm) {
  return norm == Norm::kLinf ? "linf" : norm == Norm::kL2 ? "l2" : "l1";
}

void report(const std::string& call, const char* unit, double units, double must_move) {
  if (!traffic || units == 0) return;
  const emulated::Traffic t = emulated::counted();
  std::printf("%s | %s | %.3f | %.3f | %.3f | %.3f\n", call.c_str(), unit, must_move,
              (t.read + t.written) / units, t.read / units, t.written / units);
}

}  // namespace check

int main(int argc, char** argv) {
  using namespace check;
  const std::map<std::string, void (*)()> families = {
      {"random", check_random},   {"render", check_render},         {"step", check_step},
      {"project", check_project}, {"score", check_score},           {"loss", check_loss},
      {"apgd", check_apgd},       {"hyperplane", check_hyperplane}, {"square", check_square}};
  std::vector<std::string> words(argv + 1, argv + argc), chosen;
  unsigned first = 0, seeds = 1;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--traffic") {
      traffic = true;
    } else if (words[i] == "--sm" && i + 1 < words.size()) {
      emulated::machine.major = std::stoi(words[++i]) / 10;
      emulated::machine.shared_limit = emulated::machine.major < 9 ? 163 << 10 : 227 << 10;
    } else if (words[i] == "--seed" && i + 1 < words.size()) {
      first = static_cast<unsigned>(std::stoul(words[++i]));
    } else if (words[i] == "--seeds" && i + 1 < words.size()) {
      seeds = static_cast<unsigned>(std::stoul(words[++i]));
    } else if (words[i] == "fault" && i + 1 < words.size()) {
      commit_fault(words[++i]);
      return 0;
    } else if (families.count(words[i])) {
      chosen.push_back(words[i]);
    } else {
      std::fprintf(stderr, "unknown: %s\n", words[i].c_str());
      return 2;
    }
  }
  for (unsigned seed = first; seed < first + seeds; ++seed) {
    emulated::machine.seed = seed;
    for (const std::string& name : chosen) families.at(name)();
  }
  std::fprintf(stderr, "%zu families, %u orders of threads, %u launches: equal\n", chosen.size(), seeds,
               emulated::machine.launches);
  return 0;
}
