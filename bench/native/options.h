// Options that the binaries share; --benchmark_* belongs to Google Benchmark.
#pragma once

#include <string>
#include <vector>

namespace advspur::bench {

struct Options {
  int threads = 1;
  long batch = 64, side = 224;
  bool cpu = true, cuda = false;
  std::vector<std::string> rest;  // what is no option
};

// Reads what it knows; leaves in argv what Google Benchmark reads. Prints `usage` and exits for anything
// else.
Options read_options(int* argc, char** argv, const char* usage);

}  // namespace advspur::bench
