// Looks at every load and store of a kernel: the compiler calls the hooks in watch.cpp (-fsanitize=thread),
// and no sanitizer's library is linked. Faults: outside of all buffers, read before written, two threads at
// one place without a barrier between them. Also counts what crosses the border to global memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace emulated {

enum class Space { kGlobal, kShared };

// The last write and the last reads of a granule.
struct Cell {
  uint32_t launch, writer, reader;
  uint32_t write_block, write_warp, write_cluster;  // epochs: how many barriers had passed
  uint32_t read_block, read_warp, read_cluster;
  uint8_t written, atomic, read, many;  // many: several readers of one block; 2: of several warps
};

struct Buffer {
  Space space;
  char* data;
  size_t bytes;
  int granule;  // bytes of a value: 1, 2 or 4
  bool alive;
  std::vector<uint8_t> ready;                 // by byte: has a value
  std::vector<uint32_t> read_in, written_in;  // by byte: the last count in which it was
  std::vector<Cell> cells;
};

struct Traffic {
  uint64_t read = 0, written = 0;            // bytes moved
  uint64_t read_once = 0, written_once = 0;  // different bytes among them
};

// Memory with nothing around it. misalign: bytes by which it starts off a multiple of 256.
Buffer* take(Space space, size_t bytes, int granule, size_t misalign, bool ready);
void give(Buffer* buffer);
void give_all(Space space);

void start_counting();
Traffic counted();
void move_unseen(void* to, const void* from, size_t bytes);  // what touch was already told of
void touch(const void* address, size_t bytes, bool write, bool atomic);

}  // namespace emulated
