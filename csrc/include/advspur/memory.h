// Memory for large results, kept for the next one.
#pragma once

#include <cstddef>

namespace advspur::cpu {

// Large results are made and dropped once a batch. Fresh from the system, first touching 115 MB costs more
// than rendering into it; so dropped blocks are kept, kKeptBytes of them at most, and handed out again for
// the same size. Contents are not initialised. All functions may be called from any thread.
constexpr std::size_t kKeptBytes = std::size_t{256} << 20;

struct Block {
  void* data = nullptr;  // aligned to a cache line at least
  std::size_t bytes = 0;
};

Block take_block(std::size_t bytes);  // throws std::bad_alloc
void give_block(Block block) noexcept;
void drop_kept_blocks() noexcept;  // back to the system

}  // namespace advspur::cpu
