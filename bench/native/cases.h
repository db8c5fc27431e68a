// One kernel at one size, ready to be run over and over.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace advspur::bench {

struct Case {
  std::string name;
  double bytes;  // memory traffic counted for the bandwidth column
  std::function<void(int threads)> run;
};

struct Size {
  int64_t batch = 64;
  int64_t side = 224;
};

// The cases keep their own buffers alive for as long as they live.
std::vector<Case> random_cases(Size size);
std::vector<Case> render_cases(Size size);
std::vector<Case> step_cases(Size size);
std::vector<Case> project_cases(Size size);
std::vector<Case> score_cases(Size size);

}  // namespace advspur::bench
