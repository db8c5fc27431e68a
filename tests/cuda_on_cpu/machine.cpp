#include "machine.h"

#include <execinfo.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "watch.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulated {

Machine machine;
Fiber* current = nullptr;

namespace {

constexpr size_t kStack = size_t{128} << 10;

const Launch* running = nullptr;
Fiber host;
std::deque<Fiber*> able;
std::mt19937 dice;

// ---- changing from one fiber to another

#if defined(__x86_64__)
extern "C" void advspur_switch(void** from, void* to);
asm(R"(
.text
.type advspur_switch, @function
advspur_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
void change(Fiber& from, Fiber& to) {
  advspur_switch(&from.stack_pointer, to.stack_pointer);
}
void begin_at(Fiber& fiber, char* stack, void (*entry)()) {
  void** top = reinterpret_cast<void**>(stack + kStack - 64);
  *--top = nullptr;  // entry never returns
  *--top = reinterpret_cast<void*>(entry);
  fiber.stack_pointer = top - 6;
}
#else
void change(Fiber& from, Fiber& to) {
  static std::map<Fiber*, ucontext_t> contexts;
  (void)contexts;
  if (from.stack_pointer == nullptr) from.stack_pointer = new ucontext_t;
  swapcontext(static_cast<ucontext_t*>(from.stack_pointer), static_cast<ucontext_t*>(to.stack_pointer));
}
void begin_at(Fiber& fiber, char* stack, void (*entry)()) {
  if (fiber.stack_pointer == nullptr) fiber.stack_pointer = new ucontext_t;
  ucontext_t* context = static_cast<ucontext_t*>(fiber.stack_pointer);
  getcontext(context);
  context->uc_stack.ss_sp = stack;
  context->uc_stack.ss_size = kStack;
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
}
#endif

void resume(Fiber& fiber) {
  current = &fiber;
  threadIdx = fiber.thread;
  blockIdx = fiber.block->index;
  change(host, fiber);
  current = nullptr;
}

// Leaves the processor to the others, until somebody puts this fiber among the able ones.
void stand_by(const char* what, Site site) {
  Fiber* me = current;
  me->waits_at = what;
  me->site = site;
  change(*me, host);
  me->waits_at = nullptr;
}

void wake(std::vector<Fiber*>& waiting) {
  if (machine.seed % 3 == 1) std::reverse(waiting.begin(), waiting.end());
  if (machine.seed % 3 == 2) std::shuffle(waiting.begin(), waiting.end(), dice);
  able.insert(able.end(), waiting.begin(), waiting.end());
  waiting.clear();
}

bool same(Site a, Site b) {
  return a.line == b.line && std::strcmp(a.file, b.file) == 0;
}

void entry() {
  running->kernel();
  Fiber* me = current;
  if (!me->copies.empty())
    fault("a thread ends with %zu asynchronous copies it never waited for", me->copies.size());
  me->done = true;
  Block& block = *me->block;
  --block.alive;
  if (block.arrived > 0)
    fault("a thread ends while others of its block wait at %s:%d", block.site.file, block.site.line);
  if (block.alive == 0) {
    for (auto& [site, object] : block.shared) give(static_cast<Buffer*>(object));
    if (block.dynamic != nullptr) give(static_cast<Buffer*>(block.dynamic));
  }
  change(*me, host);
}

char* stack_of(size_t fiber) {
  static std::vector<char*> stacks;
  while (stacks.size() <= fiber) {
    void* stack =
        mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) std::perror("mmap"), std::abort();
    stacks.push_back(static_cast<char*>(stack));
  }
  return stacks[fiber];
}

void run_cluster(const Launch& launch, uint32_t number, std::vector<Fiber>& fibers) {
  const unsigned threads = launch.threads.x;
  Cluster cluster;
  cluster.number = number;
  cluster.blocks.resize(launch.cluster);
  fibers.resize(size_t{launch.cluster} * threads);
  for (unsigned b = 0; b < launch.cluster; ++b) {
    Block& block = cluster.blocks[b];
    block.cluster = &cluster;
    block.linear = number * launch.cluster + b;
    block.index = {block.linear % launch.grid.x, block.linear / launch.grid.x, 0};
    block.rank = b;
    block.threads = block.alive = static_cast<int>(threads);
    block.warps.resize((threads + 31) / 32);
    block.dynamic_bytes = launch.shared;
    if (launch.shared > 0) block.dynamic = take(Space::kShared, launch.shared, 2, 0, false);
    for (unsigned t = 0; t < threads; ++t) {
      Fiber& fiber = fibers[b * threads + t];
      void* kept = fiber.stack_pointer;
      fiber = Fiber{};
#if !defined(__x86_64__)
      fiber.stack_pointer = kept;
#else
      (void)kept;
#endif
      fiber.block = &block;
      fiber.thread = {t, 0, 0};
      fiber.linear = static_cast<int>(t);
      fiber.id = block.linear * kMaxThreads + t;
      begin_at(fiber, stack_of(b * threads + t), entry);
    }
  }
  std::vector<Fiber*> all;
  for (Fiber& fiber : fibers) all.push_back(&fiber);
  wake(all);
  size_t left = fibers.size();
  const bool newest_first = machine.seed / 3 % 2 == 1;  // one warp runs far ahead of the others
  while (!able.empty()) {
    Fiber* next = newest_first ? able.back() : able.front();
    newest_first ? able.pop_back() : able.pop_front();
    resume(*next);
    left -= next->done;
  }
  if (left > 0) {
    const auto stuck = std::find_if(fibers.begin(), fibers.end(), [](const Fiber& f) { return !f.done; });
    current = &*stuck;
    fault("%zu threads wait for ever, the first at %s, %s:%d", left, stuck->waits_at, stuck->site.file,
          stuck->site.line);
  }
  give_all(Space::kShared);
}

}  // namespace

void fault(const char* format, ...) {
  std::fflush(stdout);
  std::fprintf(stderr, "fault in %s, seed %u: ", running != nullptr ? running->name.c_str() : "the test",
               machine.seed);
  va_list more;
  va_start(more, format);
  std::vfprintf(stderr, format, more);
  va_end(more);
  std::fprintf(stderr, "\n");
  if (current != nullptr) {
    std::fprintf(stderr, "  block %u, thread %d\n", current->block->linear, current->linear);
    std::fflush(stderr);
    void* frames[16];  // lines of the source, where binutils is there to name them
    std::string command = "addr2line -Cfpe /proc/" + std::to_string(getpid()) + "/exe";
    const int depth = backtrace(frames, 16);
    for (int k = 1; k < depth; ++k) {
      char address[24];
      std::snprintf(address, sizeof address, " %p", static_cast<void*>(static_cast<char*>(frames[k]) - 1));
      command += address;
    }
    if (std::system((command + " 1>&2 2>/dev/null").c_str()) != 0) std::fprintf(stderr, "  (no addr2line)\n");
  }
  std::_Exit(3);
}

void run(const Launch& launch) {
  if (current != nullptr) fault("a kernel cannot launch one here");
  running = &launch;
  ++machine.launches;
  dice.seed(machine.seed + machine.launches);
  blockDim = launch.threads;
  gridDim = launch.grid;
  static std::vector<Fiber> fibers;
  std::vector<uint32_t> order(size_t{launch.grid.x} * launch.grid.y / launch.cluster);
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint32_t>(i);
  if (machine.seed % 3 == 1) std::reverse(order.begin(), order.end());
  if (machine.seed % 3 == 2) std::shuffle(order.begin(), order.end(), dice);
  for (const uint32_t cluster : order) run_cluster(launch, cluster, fibers);
  running = nullptr;
}

bool wait_for_block(bool vote, Site site, const char* what) {
  Block& block = *current->block;
  const uint32_t turn = block.epoch % 2;
  if (block.arrived > 0 && !same(block.site, site)) {
    fault("threads of one block wait at different barriers: %s:%d and %s:%d", block.site.file,
          block.site.line, site.file, site.line);
  }
  if (block.alive < block.threads)
    fault("a thread waits at %s:%d, others of its block have ended", site.file, site.line);
  block.site = site;
  block.vote |= vote;
  block.waiting.push_back(current);
  if (++block.arrived == block.threads) {
    block.result[turn] = block.vote;
    block.vote = false;
    block.arrived = 0;
    ++block.epoch;
    wake(block.waiting);
  }
  stand_by(what, site);
  return block.result[turn];
}

const uint64_t* gather(unsigned mask, uint64_t value, bool orders_memory, Site site) {
  Warp& warp = current->block->warps[static_cast<size_t>(current->linear / 32)];
  const int lane = current->linear % 32;
  if ((mask >> lane & 1u) == 0) fault("a lane calls for a mask without itself, %s:%d", site.file, site.line);
  if (warp.arrived != 0 && (warp.mask != mask || !same(warp.site, site))) {
    fault("lanes of one warp wait at different places: %s:%d and %s:%d", warp.site.file, warp.site.line,
          site.file, site.line);
  }
  const uint32_t turn = warp.generation % 2;
  warp.mask = mask;
  warp.site = site;
  warp.values[turn][lane] = value;
  warp.arrived |= 1u << lane;
  warp.waiting.push_back(current);
  if (warp.arrived == mask) {
    warp.arrived = 0;
    ++warp.generation;
    warp.epoch += orders_memory ? 1 : 0;
    wake(warp.waiting);
  }
  stand_by("a warp's exchange", site);
  return warp.values[turn];
}

void arrive_at_cluster(Site site) {
  Cluster& cluster = *current->block->cluster;
  if (current->at_cluster)
    fault("a thread arrives twice at a cluster's barrier, %s:%d", site.file, site.line);
  current->at_cluster = true;
  current->arrived_in = cluster.epoch;
  if (++cluster.arrived < cluster.blocks.size() * static_cast<size_t>(current->block->threads)) return;
  cluster.arrived = 0;
  ++cluster.epoch;
  for (Block& block : cluster.blocks) ++block.epoch;
  wake(cluster.waiting);
}

void wait_for_cluster(Site site) {
  Cluster& cluster = *current->block->cluster;
  if (!current->at_cluster)
    fault("a thread waits at a cluster's barrier where it never arrived, %s:%d", site.file, site.line);
  if (cluster.epoch == current->arrived_in) {
    cluster.waiting.push_back(current);
    stand_by("a cluster's barrier", site);
  }
  current->at_cluster = false;
}

void* shared_object(const void* site, size_t bytes, size_t align) {
  Block& block = *current->block;
  void*& object = block.shared[site];
  if (object == nullptr) {
    block.shared_bytes += (bytes + align - 1) / align * align;
    if (block.shared_bytes > 49152 || block.shared_bytes + block.dynamic_bytes > machine.shared_limit) {
      fault("%zu bytes of static and %zu of dynamic shared memory are too many", block.shared_bytes,
            block.dynamic_bytes);
    }
    object = take(Space::kShared, bytes, bytes < 2 ? 1 : 2, 0, false);
  }
  return static_cast<Buffer*>(object)->data;
}

char* dynamic_shared() {
  if (current->block->dynamic == nullptr) fault("this launch asked for no dynamic shared memory");
  return static_cast<Buffer*>(current->block->dynamic)->data;
}

void* map_shared(const void* address, unsigned rank) {
  Block& mine = *current->block;
  if (rank >= mine.cluster->blocks.size())
    fault("rank %u of a cluster of %zu blocks", rank, mine.cluster->blocks.size());
  Block& other = mine.cluster->blocks[rank];
  const char* p = static_cast<const char*>(address);
  const auto inside = [&](void* object, void* there) -> void* {
    const Buffer* b = static_cast<Buffer*>(object);
    if (b == nullptr || p < b->data || p > b->data + b->bytes) return nullptr;
    if (there == nullptr) fault("the other block has not reached this declaration: no barrier before");
    return static_cast<Buffer*>(there)->data + (p - b->data);
  };
  if (void* found = inside(mine.dynamic, other.dynamic)) return found;
  for (auto& [site, object] : mine.shared) {
    const auto there = other.shared.find(site);
    if (void* found = inside(object, there == other.shared.end() ? nullptr : there->second)) return found;
  }
  fault("an address outside of shared memory was mapped");
}

void copy_later(void* to, const void* from, size_t bytes) {
  if (bytes != 4 && bytes != 8 && bytes != 16) fault("an asynchronous copy of %zu bytes", bytes);
  if (reinterpret_cast<uintptr_t>(to) % bytes != 0 || reinterpret_cast<uintptr_t>(from) % bytes != 0) {
    fault("an asynchronous copy of %zu bytes, not aligned to them", bytes);
  }
  current->copies.push_back({to, from, bytes});
}

void finish_copies() {
  for (const Copy& copy : current->copies) {
    touch(copy.from, copy.bytes, false, false);
    touch(copy.to, copy.bytes, true, false);
    std::memcpy(copy.to, copy.from, copy.bytes);
  }
  current->copies.clear();
}

}  // namespace emulated
