// Where the elements of a sample lie while a kernel works on it: in shared memory, cut in slices over the
// blocks of a cluster, or in global memory.
#pragma once

#include "core/reduce.h"
#include "cuda/cluster.cuh"
#include "cuda/elements.cuh"
#include "cuda/mask.cuh"

namespace advspur::cuda {

constexpr int kTeam = 512;  // threads of a block that owns a sample, or a slice of one
constexpr int kTeamWarps = kTeam / 32;
constexpr int kMaxCluster = 8;

// How a sample of n elements lies in the shared memory of a cluster. blocks 0: it does not fit in.
struct Layout {
  int blocks, slice;  // elements a block holds: all blocks as many, but for the last
  bool vector;        // rows in global memory move 16 bytes a thread
  size_t bytes;       // of shared memory a block
};

// Bytes beside the columns: what a team's threads tell one another (team.cuh), or counters (select.cuh).
inline size_t board_bytes(int64_t n) {
  const int64_t doubles =
      3 * chunks_of(n) < kMaxCluster * kTeamWarps ? kMaxCluster * kTeamWarps : 3 * chunks_of(n);
  return static_cast<size_t>(2 * doubles) * sizeof(double);
}

// For `columns` values of each element. As few blocks as leave room for a second sample on each
// multiprocessor, so that one is loaded while the other is worked on; else as few as hold it.
inline Layout layout_of(int64_t n, int columns, size_t least_board, bool vector) {
  int device = 0, major = 0;
  check(cudaGetDevice(&device), "device");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "device");
  const size_t all = shared_memory() - kStaticShared;
  const size_t board = board_bytes(n) < least_board ? least_board : board_bytes(n);
  for (const size_t most : {all / 2 - kStaticShared, all}) {
    for (int blocks = 1; blocks <= (major < 9 ? 1 : kMaxCluster); blocks *= 2) {
      const int64_t slice = ((n + blocks - 1) / blocks + 3) / 4 * 4;
      if (blocks > 1 && slice < kChunk) break;  // a chunk lies in two blocks at most
      const size_t bytes = static_cast<size_t>(columns) * static_cast<size_t>(slice) * 4 + board;
      if (bytes <= most) return {blocks, static_cast<int>(slice), vector, bytes};
    }
  }
  return {0, static_cast<int>(n), vector, 0};
}

template <bool kResident>
struct Column;

// One value of each element, in shared memory.
template <>
struct Column<true> {
  float* here;  // of the slice [first, end)
  int first, end, slice;

  // An element of this slice, or of the next one, into which the slice's last chunk may reach.
  __device__ __forceinline__ float operator[](int i) const {
    return i < end ? here[i - first] : in_block(here, cluster_rank() + 1)[i - end];
  }
  __device__ __forceinline__ float far(int i) const {  // any element
    const int rank = i / slice;
    return rank * slice == first ? here[i - first] : in_block(here, rank)[i - rank * slice];
  }
  __device__ __forceinline__ float* at(int i) const { return here + (i - first); }  // of this slice
};

// The same in global memory; where the mask forbids an element its value is taken from `instead`, or is 0.
template <>
struct Column<false> {
  float* here;
  MaskRow mask;
  const float* instead;

  __device__ __forceinline__ float operator[](int i) const {
    if (mask(static_cast<uint32_t>(i))) return here[i];
    return instead == nullptr ? 0.0f : instead[i];
  }
  __device__ __forceinline__ float far(int i) const { return (*this)[i]; }
  __device__ __forceinline__ float* at(int i) const { return here + i; }
};

}  // namespace advspur::cuda
