#include "watch.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "machine.h"

namespace emulated {
namespace {

constexpr size_t kPage = 4096, kArena = size_t{2} << 30, kPages = kArena / kPage;
constexpr size_t kApart = 16 * kPage;  // between two buffers: a wild index mostly lands in it

struct Arena {
  char* start;
  size_t used = kApart;
  std::vector<Buffer*> pages;
  std::vector<std::unique_ptr<Buffer>> buffers;
  Arena() : pages(kPages, nullptr) {
    void* all =
        mmap(nullptr, kArena, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) std::perror("mmap"), std::abort();
    start = static_cast<char*>(all);
  }
  bool holds(const char* p) const { return p >= start && p < start + kArena; }
};
Arena& arena(Space space) {
  static Arena global, shared;
  return space == Space::kGlobal ? global : shared;
}

constexpr size_t kSmall = 8192;  // bytes of arrays that stay in a cache: not counted
uint32_t count = 0;
Traffic traffic;

bool is_ordered(uint32_t id, uint32_t block, uint32_t warp, uint32_t cluster, bool warps = false) {
  const Fiber& me = *current;
  if (id == me.id && !warps) return true;
  const uint32_t its_block = id / kMaxThreads;
  if (its_block == me.block->linear) {
    if (block < me.block->epoch) return true;
    const uint32_t my_warp = me.linear / 32;
    if (!warps && id % kMaxThreads / 32 == my_warp && warp < me.block->warps[my_warp].epoch) return true;
  }
  const uint32_t width = static_cast<uint32_t>(me.block->cluster->blocks.size());
  return its_block / width == me.block->linear / width && cluster < me.block->cluster->epoch;
}

const char* name_of(const Buffer& b) {
  return b.space == Space::kGlobal ? "global" : "shared";
}

void look(Buffer& b, size_t at, bool write, bool atomic) {
  Cell& cell = b.cells[at / b.granule];
  const Fiber& me = *current;
  const uint32_t my_warp = me.linear / 32;
  if (cell.launch != machine.launches) cell = Cell{machine.launches, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const bool of_bytes =
      b.space == Space::kGlobal && b.granule == 1;  // flags: all who write them write the same
  if (cell.written && !(atomic && cell.atomic) && !(write && of_bytes) &&
      !is_ordered(cell.writer, cell.write_block, cell.write_warp, cell.write_cluster)) {
    fault(
        "%s memory, byte %zu: thread %u of block %u %s what thread %u of block %u wrote, no barrier between",
        name_of(b), at, me.id % kMaxThreads, me.id / kMaxThreads, write ? "writes" : "reads",
        cell.writer % kMaxThreads, cell.writer / kMaxThreads);
  }
  if (!write) {
    const bool before = !cell.read || is_ordered(cell.reader, cell.read_block, cell.read_warp,
                                                 cell.read_cluster, cell.many == 2);
    if (before) {
      cell.many = 0;
    } else if (cell.reader / kMaxThreads == me.id / kMaxThreads && cell.reader / 32 == me.id / 32 &&
               cell.many < 2) {
      cell.many = 1;
    } else {
      cell.many = 2;
    }
    cell.read = 1, cell.reader = me.id;
    cell.read_block = me.block->epoch, cell.read_warp = me.block->warps[my_warp].epoch;
    cell.read_cluster = me.block->cluster->epoch;
    return;
  }
  if (cell.read && !of_bytes && (cell.many > 0 || cell.reader != me.id)) {
    const bool ordered =
        cell.many > 0 && cell.reader == me.id && cell.many == 1
            ? cell.read_warp < me.block->warps[my_warp].epoch || cell.read_block < me.block->epoch
            : is_ordered(cell.reader, cell.read_block, cell.read_warp, cell.read_cluster, cell.many == 2);
    if (!ordered) {
      fault(
          "%s memory, byte %zu: thread %u of block %u writes what thread %u of block %u reads, no barrier "
          "between",
          name_of(b), at, me.id % kMaxThreads, me.id / kMaxThreads, cell.reader % kMaxThreads,
          cell.reader / kMaxThreads);
    }
  }
  cell.written = 1, cell.atomic = atomic, cell.writer = me.id, cell.read = 0;
  cell.write_block = me.block->epoch, cell.write_warp = me.block->warps[my_warp].epoch;
  cell.write_cluster = me.block->cluster->epoch;
}

}  // namespace

Buffer* take(Space space, size_t bytes, int granule, size_t misalign, bool ready) {
  Arena& a = arena(space);
  const size_t room = (bytes + misalign + kPage - 1) / kPage * kPage + kApart;
  if (a.used + room > kArena)
    fault("the emulated %s memory is full", space == Space::kGlobal ? "global" : "shared");
  auto b = std::make_unique<Buffer>();
  b->space = space, b->data = a.start + a.used + misalign, b->bytes = bytes, b->granule = granule,
  b->alive = true;
  b->ready.assign(bytes, ready);
  b->cells.assign((bytes + granule - 1) / granule, Cell{});
  if (space == Space::kGlobal) b->read_in.assign(bytes, 0), b->written_in.assign(bytes, 0);
  std::memset(b->data, 0xFF, bytes);  // NaN, or an index far away
  for (size_t p = a.used / kPage; p < (a.used + misalign + bytes + kPage - 1) / kPage; ++p)
    a.pages[p] = b.get();
  a.used += room;
  a.buffers.push_back(std::move(b));
  return a.buffers.back().get();
}

void give(Buffer* b) {
  b->alive = false;
}

void give_all(Space space) {
  Arena& a = arena(space);
  std::fill(a.pages.begin(), a.pages.begin() + static_cast<std::ptrdiff_t>(a.used / kPage), nullptr);
  a.buffers.clear();
  a.used = kApart;
}

void start_counting() {
  ++count;
  traffic = Traffic{};
}

Traffic counted() {
  return traffic;
}

void move_unseen(void* to, const void* from, size_t bytes) {
  std::memcpy(to, from, bytes);
}

void touch(const void* address, size_t bytes, bool write, bool atomic) {
  if (current == nullptr) return;
  const char* p = static_cast<const char*>(address);
  for (const Space space : {Space::kShared, Space::kGlobal}) {
    Arena& a = arena(space);
    if (!a.holds(p)) continue;
    Buffer* b = a.pages[static_cast<size_t>(p - a.start) / kPage];
    if (b == nullptr || p < b->data || p + bytes > b->data + b->bytes || !b->alive) {
      fault("%s memory at %p: %s of %zu bytes %s", space == Space::kGlobal ? "global" : "shared", address,
            write ? "a write" : "a read", bytes,
            b != nullptr && !b->alive ? "in a block that has ended" : "outside of every array");
    }
    const size_t at = static_cast<size_t>(p - b->data);
    for (size_t k = at; k < at + bytes; ++k) {
      if (!write && !b->ready[k]) fault("%s memory, byte %zu: read before it was written", name_of(*b), k);
      if (write) b->ready[k] = 1;
    }
    if (atomic && !b->ready[at])
      fault("%s memory, byte %zu: added to before it was written", name_of(*b), at);
    for (size_t k = at; k < at + bytes; k += b->granule) look(*b, k, write, atomic);
    if (space == Space::kGlobal && b->bytes > kSmall) {
      (write ? traffic.written : traffic.read) += bytes;
      for (size_t k = at; k < at + bytes; ++k) {
        uint32_t& seen = (write ? b->written_in : b->read_in)[k];
        (write ? traffic.written_once : traffic.read_once) += seen != count;
        seen = count;
      }
    }
    return;
  }
}

void set_memory(void* to, int value, size_t bytes) {
  if (bytes == 0) return;
  char* p = static_cast<char*>(to);
  Arena& a = arena(Space::kGlobal);
  Buffer* b = a.holds(p) ? a.pages[static_cast<size_t>(p - a.start) / kPage] : nullptr;
  if (b == nullptr || p < b->data || p + bytes > b->data + b->bytes) fault("a memset outside of every array");
  std::memset(p, value, bytes);
  std::fill_n(b->ready.begin() + (p - b->data), bytes, uint8_t{1});
}

}  // namespace emulated

// ---- the compiler's hooks
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
#define ADVSPUR_HOOKS(n)                    \
  void __tsan_read##n(void* p) {            \
    emulated::touch(p, n, false, false);    \
  }                                         \
  void __tsan_write##n(void* p) {           \
    emulated::touch(p, n, true, false);     \
  }                                         \
  void __tsan_volatile_read##n(void* p) {   \
    emulated::touch(p, n, false, false);    \
  }                                         \
  void __tsan_volatile_write##n(void* p) {  \
    emulated::touch(p, n, true, false);     \
  }                                         \
  void __tsan_unaligned_read##n(void* p) {  \
    emulated::touch(p, n, false, false);    \
  }                                         \
  void __tsan_unaligned_write##n(void* p) { \
    emulated::touch(p, n, true, false);     \
  }
ADVSPUR_HOOKS(1)
ADVSPUR_HOOKS(2)
ADVSPUR_HOOKS(4)
ADVSPUR_HOOKS(8)
ADVSPUR_HOOKS(16)
char __tsan_atomic8_load(const volatile char* p, int order) {
  return __atomic_load_n(p, order == 0 ? __ATOMIC_RELAXED : __ATOMIC_ACQUIRE);
}
void __tsan_read_range(void* p, size_t n) {
  emulated::touch(p, n, false, false);
}
void __tsan_write_range(void* p, size_t n) {
  emulated::touch(p, n, true, false);
}
}
