// advspur_bench: the CPU kernels without Python. Prints median and spread in milliseconds and the bandwidth.
//
//   cmake -S . -B build/bench -DADVSPUR_BENCH=ON -DADVSPUR_CUDA=OFF && cmake --build build/bench
//   build/bench/advspur_bench --threads 4 --repeats 15 step render
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "cases.h"

namespace {

using advspur::bench::Case;
using advspur::bench::Size;
using Family = std::vector<Case> (*)(Size);

const std::map<std::string, Family> kFamilies = {{"random", advspur::bench::random_cases},
                                                 {"render", advspur::bench::render_cases},
                                                 {"step", advspur::bench::step_cases},
                                                 {"project", advspur::bench::project_cases},
                                                 {"score", advspur::bench::score_cases}};

void measure(const Case& c, int threads, int repeats) {
  std::vector<double> ms;
  c.run(threads);  // warm up: touch the memory, start the pool
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    c.run(threads);
    ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(ms.begin(), ms.end());
  const double median = ms[ms.size() / 2];
  std::printf("%-28s %9.3f ms  [%8.3f, %8.3f]  %7.2f GB/s\n", c.name.c_str(), median, ms.front(), ms.back(),
              c.bytes / median * 1e-6);
}

[[noreturn]] void usage(const char* what) {
  std::fprintf(stderr, "advspur_bench: %s\n", what);
  std::fprintf(
      stderr,
      "usage: advspur_bench [--threads N] [--repeats N] [--batch N] [--side N] [FAMILY ...]\nfamilies:");
  for (const auto& family : kFamilies) std::fprintf(stderr, " %s", family.first.c_str());
  std::fprintf(stderr, "\n");
  std::exit(2);
}

int positive(const char* text) {
  const int value = text ? std::atoi(text) : 0;
  if (value < 1) usage("an option needs a number >= 1");
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 1, repeats = 15;
  Size size;
  std::vector<std::string> chosen;
  for (int i = 1; i < argc; ++i) {
    const char* next = i + 1 < argc ? argv[i + 1] : nullptr;
    if (!std::strcmp(argv[i], "--threads"))
      threads = positive(next), ++i;
    else if (!std::strcmp(argv[i], "--repeats"))
      repeats = positive(next), ++i;
    else if (!std::strcmp(argv[i], "--batch"))
      size.batch = positive(next), ++i;
    else if (!std::strcmp(argv[i], "--side"))
      size.side = positive(next), ++i;
    else if (kFamilies.count(argv[i]))
      chosen.push_back(argv[i]);
    else
      usage("unknown option or family");
  }
  if (chosen.empty()) {
    for (const auto& family : kFamilies) chosen.push_back(family.first);
  }
  std::printf("batch %lld, %lldx%lld, %d thread(s), median [min, max] of %d\n",
              static_cast<long long>(size.batch), static_cast<long long>(size.side),
              static_cast<long long>(size.side), threads, repeats);
  for (const std::string& name : chosen) {
    for (const Case& c : kFamilies.at(name)(size)) measure(c, threads, repeats);
  }
}
