// Kernels with one fault each. The emulation must stop at every one of them.
#include "check.h"
#include "cuda/launch.cuh"

namespace check {
namespace {

using advspur::cuda::launch;

void no_barrier(float* out) {
  ADVSPUR_SHARED(row, float[64]);
  row[threadIdx.x] = static_cast<float>(threadIdx.x);
  out[threadIdx.x] = row[63 - threadIdx.x];  // __syncthreads() belongs before this line
}
void no_second_barrier(float* out) {
  ADVSPUR_SHARED(one, float);
  for (int turn = 0; turn < 2; ++turn) {
    if (threadIdx.x == 0) one = static_cast<float>(turn);
    __syncthreads();
    out[threadIdx.x] = one;  // and the next turn writes while others still read
  }
}
void not_initialised(float* out) {
  ADVSPUR_SHARED(row, float[64]);
  out[threadIdx.x] = row[threadIdx.x];
}
void too_far(float* out) {
  out[threadIdx.x + 1] = 0.0f;
}
void too_far_shared(float* out) {
  ADVSPUR_SHARED(all, float[63]);
  float* row = all;
  row[threadIdx.x] = 1.0f;
  out[threadIdx.x] = row[threadIdx.x];
}
void split_barrier(float* out) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  out[threadIdx.x] = 0.0f;
}
void left_early(float* out) {
  if (threadIdx.x == 63) return;
  __syncthreads();
  out[threadIdx.x] = 0.0f;
}
void half_a_warp(float* out) {
  float value = 1.0f;
  if (threadIdx.x % 32 < 16) value = __shfl_xor_sync(0xFFFFFFFFu, value, 1);
  out[threadIdx.x] = value;
}
void two_blocks_one_place(float* out) {
  if (threadIdx.x == 0) out[0] = static_cast<float>(blockIdx.x);
}
void cluster_without_barrier(float* out) {
  ADVSPUR_SHARED(one, float);
  if (threadIdx.x == 0) one = static_cast<float>(__clusterRelativeBlockRank());
  __syncthreads();
  const float* other =
      static_cast<const float*>(__cluster_map_shared_rank(&one, 1 - __clusterRelativeBlockRank()));
  if (threadIdx.x == 0) out[blockIdx.x] = *other;
}
void cluster_gone(float* out) {
  ADVSPUR_SHARED(one, float);
  if (threadIdx.x == 0) one = static_cast<float>(__clusterRelativeBlockRank());
  __cluster_barrier_arrive();
  __cluster_barrier_wait();
  const float* other =
      static_cast<const float*>(__cluster_map_shared_rank(&one, 1 - __clusterRelativeBlockRank()));
  if (__clusterRelativeBlockRank() == 0) return;  // its memory goes with it
  for (int turn = 0; turn < 2; ++turn) __syncthreads();
  out[threadIdx.x] = *other;
}
void misaligned(float* out) {
  *reinterpret_cast<float4*>(out + 1 + 4 * threadIdx.x % 4) = make_float4(0, 0, 0, 0);
}
void copy_not_awaited(float* out) {
  ADVSPUR_SHARED(row, float[64]);
  emulated::copy_later(&row[threadIdx.x], out + threadIdx.x, 4);
  __syncthreads();
  out[threadIdx.x] = row[threadIdx.x] + 1.0f;
  emulated::finish_copies();
}

struct Fault {
  const char* name;
  void (*kernel)(float*);
  int64_t blocks;
  int cluster;
};
constexpr Fault kFaults[] = {{"no_barrier", no_barrier, 1, 1},
                             {"no_second_barrier", no_second_barrier, 1, 1},
                             {"not_initialised", not_initialised, 1, 1},
                             {"too_far", too_far, 1, 1},
                             {"too_far_shared", too_far_shared, 1, 1},
                             {"split_barrier", split_barrier, 1, 1},
                             {"left_early", left_early, 1, 1},
                             {"half_a_warp", half_a_warp, 1, 1},
                             {"two_blocks_one_place", two_blocks_one_place, 2, 1},
                             {"cluster_without_barrier", cluster_without_barrier, 2, 2},
                             {"cluster_gone", cluster_gone, 2, 2},
                             {"misaligned", misaligned, 1, 1},
                             {"copy_not_awaited", copy_not_awaited, 1, 1}};

}  // namespace

void commit_fault(const std::string& name) {
  Both<float> out(std::vector<float>(64));
  for (const Fault& fault : kFaults) {
    if (name == fault.name)
      launch(fault.name, fault.kernel, {fault.blocks, 64, 0, fault.cluster}, nullptr, out.at(true));
  }
}

}  // namespace check
