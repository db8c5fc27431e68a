#include "advspur/memory.h"

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace advspur::cpu {
namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;  // large pages, where the system has them

struct Shelf {
  std::mutex mutex;
  std::vector<Block> blocks;  // oldest first
  std::size_t bytes = 0;
};

Shelf& shelf() {
  static Shelf* const kept = new Shelf;  // never destroyed: tensors may outlive static objects
  return *kept;
}

void* allocate(std::size_t bytes) {
  void* data = std::aligned_alloc(kPage, bytes);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (data) madvise(data, bytes, MADV_HUGEPAGE);
#endif
  return data;
}

}  // namespace

Block take_block(std::size_t bytes) {
  bytes = (bytes + kPage - 1) / kPage * kPage;
  Shelf& kept = shelf();
  {
    const std::lock_guard<std::mutex> lock(kept.mutex);
    for (std::size_t i = kept.blocks.size(); i-- > 0;) {  // the last one given may still be in a cache
      if (kept.blocks[i].bytes != bytes) continue;
      const Block block = kept.blocks[i];
      kept.blocks.erase(kept.blocks.begin() + static_cast<std::ptrdiff_t>(i));
      kept.bytes -= bytes;
      return block;
    }
  }
  void* data = allocate(bytes);
  if (!data) {
    drop_kept_blocks();
    data = allocate(bytes);
  }
  if (!data) throw std::bad_alloc();
  return {data, bytes};
}

void give_block(Block block) noexcept {
  if (!block.data) return;
  Shelf& kept = shelf();
  std::vector<Block> leaving;
  try {
    const std::lock_guard<std::mutex> lock(kept.mutex);
    kept.blocks.push_back(block);
    kept.bytes += block.bytes;
    while (kept.bytes > kKeptBytes) {
      leaving.push_back(kept.blocks.front());
      kept.bytes -= kept.blocks.front().bytes;
      kept.blocks.erase(kept.blocks.begin());
    }
  } catch (const std::bad_alloc&) {  // no room even for the list: a block may stay kept above the limit
  }
  for (const Block& old : leaving) std::free(old.data);
}

void drop_kept_blocks() noexcept {
  Shelf& kept = shelf();
  std::vector<Block> leaving;
  {
    const std::lock_guard<std::mutex> lock(kept.mutex);
    leaving.swap(kept.blocks);
    kept.bytes = 0;
  }
  for (const Block& old : leaving) std::free(old.data);
}

}  // namespace advspur::cpu
