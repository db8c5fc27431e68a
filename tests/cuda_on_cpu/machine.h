// A GPU of one multiprocessor, made of fibers: the threads of a block (of a cluster of blocks) take turns on
// one processor core, and change places only where they wait for one another. docs/kernels.md says what it
// shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

namespace emulated {

constexpr int kMaxThreads = 1024;

// Where in the source a thread waits.
struct Site {
  const char* file;
  int line;
};

struct Copy {  // asynchronous: made when its thread waits for it
  void* to;
  const void* from;
  size_t bytes;
};

struct Block;

struct Fiber {
  void* stack_pointer = nullptr;
  Block* block = nullptr;
  uint3 thread{};
  uint32_t id = 0;  // of all threads of the launch
  int linear = 0;   // in its block
  bool done = false, at_cluster = false;
  uint32_t arrived_in = 0;
  const char* waits_at = nullptr;
  Site site{};
  std::vector<Copy> copies;
};

struct Warp {
  uint32_t arrived = 0, mask = 0, generation = 0, epoch = 0;
  bool orders_memory = false;
  uint64_t values[2][32];
  Site site{};
  std::vector<Fiber*> waiting;
};

struct Cluster {
  std::vector<Block> blocks;
  uint32_t epoch = 0, number = 0;
  size_t arrived = 0;
  std::vector<Fiber*> waiting;
};

struct Block {
  Cluster* cluster = nullptr;
  uint3 index{};
  uint32_t linear = 0, rank = 0, epoch = 0;
  int threads = 0, arrived = 0, alive = 0;
  bool vote = false, result[2] = {};
  Site site{};
  std::vector<Warp> warps;
  std::vector<Fiber*> waiting;
  std::map<const void*, void*> shared;  // one object for each declaration
  void* dynamic = nullptr;
  size_t dynamic_bytes = 0, shared_bytes = 0;
};

struct Launch {
  std::string name;
  dim3 grid, threads;
  size_t shared = 0, allowed = 0;
  unsigned cluster = 1;
  std::function<void()> kernel;
};

// What the machine is. seed decides who goes first wherever CUDA leaves that open.
struct Machine {
  int major = 9;
  size_t shared_limit = 232448;
  uint32_t seed = 0;
  uint32_t launches = 0;
};
extern Machine machine;
extern Fiber* current;  // null: the host

void run(const Launch& launch);
[[noreturn]] void fault(const char* format, ...) __attribute__((format(printf, 1, 2)));

// What threads do together.
bool wait_for_block(bool vote, Site site, const char* what);
const uint64_t* gather(unsigned mask, uint64_t value, bool orders_memory, Site site);
void arrive_at_cluster(Site site);
void wait_for_cluster(Site site);
void* shared_object(const void* site, size_t bytes, size_t align);
char* dynamic_shared();
void* map_shared(const void* address, unsigned rank);
void copy_later(void* to, const void* from, size_t bytes);
void finish_copies();
void set_memory(void* to, int value, size_t bytes);  // by the host

template <class T>
T* shared(const void* site) {
  static_assert(std::is_trivially_default_constructible_v<T>, "shared memory is not initialised");
  return static_cast<T*>(shared_object(site, sizeof(T), alignof(T)));
}

}  // namespace emulated
