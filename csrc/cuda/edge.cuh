// l1: the size at which the gains of all larger sizes come short (core/hyperplane.h), by a team. The digits
// are others than on the CPU, 512 values at a time; sums of integers are exact, so the size found is the
// same.
#pragma once

#include "core/hyperplane.h"
#include "cuda/team.cuh"

namespace advspur::cuda {

constexpr int kEdgeRounds = 4, kEdgeBins = kTeam;  // digits of 9, 9, 9 and 4 bits; thread t owns bin t
static_assert(kEdgeBins == 512);
using Word = unsigned long long;  // what atomicAdd takes
constexpr size_t kEdgeBytes = kEdgeBins * sizeof(Word);

struct EdgeFound {
  Word above, sum;  // gains of the larger sizes, and of this digit's
  Word prefix;
};

// The bin in which the wanted sum falls: the highest that brings the gains from above to `need`, else bin 0.
__device__ __forceinline__ void narrow_by_threads(Word mine, int bits, Word need, const EdgeFound& so_far,
                                                  Word* of_warps, EdgeFound& found) {
  Word up = mine;  // of this bin and all higher ones, in the warp
#pragma unroll
  for (int step = 1; step < 32; step *= 2) {
    const Word other = __shfl_down_sync(kAll, up, step);
    if (lane_id() + step < 32) up += other;
  }
  if (lane_id() == 0) of_warps[warp_id()] = up;
  __syncthreads();
  for (int w = warp_id() + 1; w < kTeamWarps; ++w) up += of_warps[w];
  const int bin = static_cast<int>(threadIdx.x), top = (1 << bits) - 1;
  const Word above = so_far.above + (up - mine);
  const bool enough = above + mine >= need, short_above = bin == top || above < need;
  if ((bin <= top && enough && short_above) || (bin == 0 && !enough)) {
    found.above = above;
    found.sum = mine;
    found.prefix = so_far.prefix << bits | static_cast<Word>(bin);
  }
}

// at, w: the columns of the point and of the hyperplane.
template <bool kResident>
__device__ __forceinline__ void find_edge(Decision& d, Team<kResident>& team, const Column<kResident>& at,
                                          const Column<kResident>& w, double need) {
  ADVSPUR_SHARED(of_warps, Word[kTeamWarps]);
  ADVSPUR_SHARED(found, EdgeFound);
  Word* bins;
  if constexpr (kResident) {
    bins = reinterpret_cast<Word*>(team.after);
  } else {
    ADVSPUR_SHARED(own, Word[kEdgeBins]);
    bins = own;
  }
  d.edge = 0;
  double most = 0.0;
  team.for_own([&](int i) {
    const Reach r = reach_of(at[i], w[i], d.negative);
    const double gain = static_cast<double>(r.size) * static_cast<double>(r.room);
    most = gain > most ? gain : most;
  });
  const double unit = integer_unit(team.most(most), team.n);
  team.sync();  // the counters may lie where the maximum was told
  if (!(unit > 0.0) || !(need * unit < 0x1p62)) return;
  const Word wanted = static_cast<Word>(need * unit);
  EdgeFound so_far{};
  int shift = 31;
  for (int round = 0; round < kEdgeRounds; ++round) {
    const int bits = round < kEdgeRounds - 1 ? 9 : 4;
    shift -= bits;
    bins[threadIdx.x] = 0;
    __syncthreads();
    team.for_own([&](int i) {
      const Reach r = reach_of(at[i], w[i], d.negative);
      const uint32_t key = to_bits(r.size);
      if (key >> (shift + bits) != so_far.prefix) return;
      atomicAdd(&bins[key >> shift & ((1u << bits) - 1u)],
                static_cast<Word>(to_integer(r.size, r.room, unit)));
    });
    team.sync();
    Word mine = 0;
    for (int b = 0; b < team.blocks; ++b) {
      const Word* there = kResident && team.blocks > 1 ? in_block(bins, b) : bins;
      mine += there[threadIdx.x];
    }
    narrow_by_threads(mine, bits, wanted, so_far, of_warps, found);
    team.sync();  // nobody clears the counters before all have read them
    so_far = found;
  }
  d.edge = static_cast<uint32_t>(so_far.prefix);
  if (so_far.prefix != 0) {  // 0: even all sizes come short, and 0 gains nothing
    const double left = wanted > so_far.above ? static_cast<double>(wanted - so_far.above) : 0.0;
    const double sum = static_cast<double>(so_far.sum);
    d.share = left < sum ? left / sum : 1.0;
  }
}

}  // namespace advspur::cuda
