#include "options.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "array.h"

namespace advspur::bench {
namespace {

[[noreturn]] void leave(const char* usage, const std::string& what) {
  std::fprintf(stderr, "%s%s\n%s", what.c_str(), what.empty() ? "" : "\n", usage);
  std::exit(what.empty() ? 0 : 2);
}

long positive(const char* usage, const char* name, const char* text) {
  char* end = nullptr;
  const long value = text ? std::strtol(text, &end, 10) : 0;
  if (value < 1 || *end || value > 1 << 20)
    leave(usage, std::string(name) + " takes an integer from 1 to 1048576");
  return value;
}

}  // namespace

Options read_options(int* argc, char** argv, const char* usage) {
  Options found;
  int kept = 1;
  static char json[] = "--benchmark_format=json";
  for (int i = 1; i < *argc; ++i) {
    const char* next = i + 1 < *argc ? argv[i + 1] : nullptr;
    const std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      leave(usage, "");
    } else if (name == "--threads") {
      found.threads = static_cast<int>(positive(usage, "--threads", next)), ++i;
    } else if (name == "--batch") {
      found.batch = positive(usage, "--batch", next), ++i;
    } else if (name == "--side") {
      found.side = positive(usage, "--side", next), ++i;
    } else if (name == "--json") {
      argv[kept++] = json;
    } else if (name == "--cuda") {
      found.cuda = true;
      if (!device_there()) leave(usage, "--cuda: no CUDA device here, or built without CUDA");
    } else if (name == "--no-cpu") {
      found.cpu = false;
    } else if (name.rfind("--benchmark_", 0) == 0) {
      argv[kept++] = argv[i];
    } else if (name[0] == '-') {
      leave(usage, "unknown option " + name);
    } else {
      found.rest.push_back(name);
    }
  }
  *argc = kept;
  return found;
}

}  // namespace advspur::bench
