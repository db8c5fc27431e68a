// advspur-bench-kernels: every kernel against its twin, then its time beside the machine's memory bandwidth.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

#include "case.h"
#include "options.h"
#include "stream.h"

namespace {

using namespace advspur::bench;

constexpr char kUsage[] =
    "usage: advspur-bench-kernels [--threads N] [--batch N] [--side N] [--cuda] [--no-cpu] [--json] [FAMILY "
    "...]\n"
    "families: draw render step project score dilate apgd loss fab square resize (default: all)\n"
    "Checks each kernel against a plain one at three small sizes, then times it. Every call is timed next to "
    "a\n"
    "stream triad (on CUDA: a device copy); `of_stream` is the median share of its bandwidth. Also takes "
    "Google\n"
    "Benchmark's options, for example --benchmark_min_time=2 --benchmark_filter=l2 --benchmark_out=FILE.\n";

const std::map<std::string, Family> kFamilies = {
    {"draw", random_cases},    {"render", render_cases}, {"step", step_cases},    {"project", project_cases},
    {"score", score_cases},    {"dilate", mask_cases},   {"apgd", apgd_cases},    {"loss", loss_cases},
    {"fab", hyperplane_cases}, {"square", square_cases}, {"resize", resize_cases}};

// Returns how many were checked; a kernel that differs ends the program.
int check(Family family, Setup setup) {
  int checked = 0;
  for (const auto& [batch, side] : {std::pair{1, 7}, {3, 33}, {2, 65}}) {
    setup.batch = batch, setup.side = side;
    for (const Case& one : family(setup)) {
      const std::string wrong = one.check();
      if (!wrong.empty()) {
        std::fprintf(stderr, "%s, batch %d, %dx%d: differs from its twin: %s\n", one.name.c_str(), batch,
                     side, side, wrong.c_str());
        std::exit(1);
      }
      ++checked;
    }
  }
  return checked;
}

double seconds(Place place, const std::function<void()>& work) {
  if (place == Place::kCuda) return device_seconds(work);
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// A family's cases, made when its first one runs and kept for the others and for every repetition: drawing
// their inputs takes longer than measuring them. Only one family's arrays are held at a time.
const std::vector<Case>& made(Family family, const Setup& setup) {
  static Family held = nullptr;
  static Place place = Place::kCpu;
  static std::vector<Case> cases;
  if (held != family || place != setup.place) {
    cases.clear();
    cases = family(setup);
    held = family, place = setup.place;
  }
  return cases;
}

void measure(benchmark::State& state, const Case& one, const Setup& setup, const Stream& stream) {
  std::vector<double> shares, rates;
  one.run();  // first touch
  for (auto _ : state) {
    const double reference = seconds(setup.place, [&] { stream.run(); });
    const double taken = seconds(setup.place, one.run);
    state.SetIterationTime(taken);
    rates.push_back(one.bytes / taken * 1e-9);
    shares.push_back(one.bytes / taken / (stream.bytes() / reference));
  }
  state.counters["GB/s"] = median(rates);
  state.counters["of_stream"] = median(shares);
  state.counters["MB"] = one.bytes * 1e-6;
  state.SetLabel(one.memory_bound ? "memory-bound" : "");
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(&argc, argv, kUsage);
  for (const std::string& name : options.rest) {
    if (!kFamilies.count(name)) {
      std::fprintf(stderr, "unknown family %s\n%s", name.c_str(), kUsage);
      return 2;
    }
  }
  benchmark::AddCustomContext("threads", std::to_string(options.threads));
  benchmark::AddCustomContext("batch", std::to_string(options.batch));
  benchmark::AddCustomContext("side", std::to_string(options.side));
  if (options.cuda) benchmark::AddCustomContext("device", device_name());
  benchmark::Initialize(&argc, argv);

  int checked = 0;
  std::vector<Place> places;
  if (options.cpu) places.push_back(Place::kCpu);
  if (options.cuda) places.push_back(Place::kCuda);
  for (const Place place : places) {
    const Setup setup{place, options.threads, options.batch, options.side};
    const auto stream = std::make_shared<Stream>(place, options.threads);
    for (const auto& [name, family] : kFamilies) {
      const auto& chosen = options.rest;
      if (!chosen.empty() && std::find(chosen.begin(), chosen.end(), name) == chosen.end()) continue;
      checked += check(family, setup);
      for (size_t k = 0; k < family(Setup{place, 1, 1, 7}).size(); ++k) {
        const std::string title =
            (place == Place::kCpu ? "cpu/" : "cuda/") + family(Setup{place, 1, 1, 7})[k].name;
        benchmark::RegisterBenchmark(title.c_str(),
                                     [=, family = family](benchmark::State& state) {
                                       measure(state, made(family, setup)[k], setup, *stream);
                                     })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
  std::fprintf(stderr, "%d kernels and sizes equal their twins\n", checked);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
