// The k largest |grad| of a sample, by a team: three histograms of core/select.h, then the jump along them.
#pragma once

#include "core/select.h"
#include "cuda/l1.cuh"

namespace advspur::cuda {

// Counters of a block. In shared memory that a sample fills up two share a word: no slice has 65,536
// elements.
template <bool kResident>
struct Counters {
  uint32_t* words;
  static constexpr int kWords = kResident ? kMaxBins / 2 : kMaxBins;
  static constexpr size_t kBytes = kWords * sizeof(uint32_t);

  __device__ __forceinline__ void clear() const {
    for (int w = static_cast<int>(threadIdx.x); w < kWords; w += kTeam) words[w] = 0;
  }
  __device__ __forceinline__ void add(uint32_t bin) const {
    if constexpr (kResident) {
      atomicAdd(&words[bin / 2], bin % 2 != 0 ? 0x10000u : 1u);
    } else {
      atomicAdd(&words[bin], 1u);
    }
  }
  // bin, bin + 1, over all blocks
  __device__ __forceinline__ void two(int bin, int blocks, int* out) const {
    out[0] = out[1] = 0;
    if constexpr (kResident) {
      for (int b = 0; b < blocks; ++b) {
        const uint32_t* there = blocks > 1 ? in_block(words, b) : words;
        const uint32_t word = there[bin / 2];
        out[0] += static_cast<int>(word & 0xFFFFu);
        out[1] += static_cast<int>(word >> 16);
      }
    } else {
      out[0] = static_cast<int>(words[bin]);
      out[1] = static_cast<int>(words[bin + 1]);
    }
  }
};

// As core/select.h's Selection: larger keys than prefix are chosen, and the first `rank` of the `equal` equal
// ones.
struct Picked {
  uint32_t prefix;
  int rank, chosen, equal;
};

// `narrow` of core/select.h: thread t owns the t-th run of bins, and a scan from the top finds the thread in
// whose run the wanted rank falls.
template <bool kResident>
__device__ __forceinline__ void narrow_by_team(const Counters<kResident>& counters, int blocks, int round,
                                               int64_t k, const Picked& so_far, int* of_warps,
                                               Picked& picked) {
  const int run = (1 << digit_of(round).bits) / kTeam,
            first = static_cast<int>(threadIdx.x) * run;  // 2 or 4 bins
  int counts[4] = {};
  counters.two(first, blocks, counts);
  if (run == 4) counters.two(first + 2, blocks, counts + 2);
  const int mine = counts[0] + counts[1] + counts[2] + counts[3];
  int up = mine;  // of this run and all higher ones, in the warp
#pragma unroll
  for (int step = 1; step < 32; step *= 2) {
    const int other = __shfl_down_sync(kAll, up, step);
    if (lane_id() + step < 32) up += other;
  }
  if (lane_id() == 0) of_warps[warp_id()] = up;
  __syncthreads();
  int64_t able = 0;
  for (int w = 0; w < kTeamWarps; ++w) {
    able += of_warps[w];
    up += w > warp_id() ? of_warps[w] : 0;
  }
  const int rank = round > 0 ? so_far.rank : static_cast<int>(k < able ? k : able);
  if (threadIdx.x == 0) picked.chosen = round > 0 ? so_far.chosen : rank;
  if (rank > up - mine && rank <= up) {
    int left = rank - (up - mine), bin = run - 1;
#pragma unroll
    for (int b = 3; b > 0; --b) {
      if (b == bin && left > counts[b]) left -= counts[b], --bin;
    }
    picked.prefix = so_far.prefix << digit_of(round).bits | static_cast<uint32_t>(first + bin);
    picked.rank = left;
    picked.equal = bin == 0 ? counts[0] : bin == 1 ? counts[1] : bin == 2 ? counts[2] : counts[3];
  }
}

template <bool kResident>
__device__ __forceinline__ Picked pick_largest(const Team<kResident>& team, const Column<kResident>& x,
                                               const Column<kResident>& g, int64_t k) {
  ADVSPUR_SHARED(picked, Picked);
  ADVSPUR_SHARED(of_warps, int[kTeamWarps]);
  Counters<kResident> counters;
  if constexpr (kResident) {
    counters.words = reinterpret_cast<uint32_t*>(team.after);
  } else {
    ADVSPUR_SHARED(words, uint32_t[kMaxBins]);
    counters.words = words;
  }
  Picked so_far{};
  for (int round = 0; round < kRounds; ++round) {
    const Digit digit = digit_of(round);
    counters.clear();
    __syncthreads();
    const Selection known{so_far.prefix, so_far.rank, so_far.chosen};
    team.for_own([&](int i) {
      const uint32_t key = select_key(x[i], g[i], true);
      if (agrees(key, known, round)) counters.add(key >> digit.shift & ((1u << digit.bits) - 1u));
    });
    team.sync();
    narrow_by_team(counters, team.blocks, round, k, so_far, of_warps, picked);
    team.sync();  // nobody clears the counters before all have read them
    so_far.chosen = picked.chosen;
    if (so_far.chosen == 0) return so_far;
    so_far = picked;
  }
  return so_far;
}

// x <- v = x - x0 + share * sign(g) on the chosen elements. Of elements with the same key the first are
// taken.
template <bool kResident>
__device__ __forceinline__ void jump(Team<kResident>& team, const Column<kResident>& x,
                                     const Column<kResident>& x0, const Column<kResident>& g,
                                     const Picked& picked, float share) {
  const auto move = [&](int i, bool chosen) {
    const float g_i = g[i], d = x[i] - x0[i];
    *x.at(i) = d + (chosen ? (g_i > 0.0f ? share : -share) : 0.0f);
  };
  if (picked.rank == picked.equal) {
    team.for_own([&](int i) { move(i, select_key(x[i], g[i], true) >= picked.prefix); });
    team.sync();
    return;
  }
  ADVSPUR_SHARED(equal_in_warp, int[kTeamWarps]);
  int mine = 0, all = 0, equal_before = 0;
  team.for_own([&](int i) { mine += select_key(x[i], g[i], true) == picked.prefix; });
  team.count(mine, &all, &equal_before);
  for (int start = team.first; start < team.end; start += kTeam) {
    const int i = start + static_cast<int>(threadIdx.x);
    const uint32_t key = i < team.end ? select_key(x[i], g[i], true) : 0u;
    const unsigned equal = __ballot_sync(kAll, key == picked.prefix);
    if (lane_id() == 0) equal_in_warp[warp_id()] = __popc(equal);
    __syncthreads();
    int rank = equal_before + __popc(equal & ((1u << lane_id()) - 1u));
    for (int w = 0; w < kTeamWarps; ++w) {
      rank += w < warp_id() ? equal_in_warp[w] : 0;
      equal_before += equal_in_warp[w];
    }
    __syncthreads();
    if (i < team.end) move(i, key > picked.prefix || (key == picked.prefix && rank < picked.rank));
  }
  team.sync();
}

// The whole l1 step of a sample; x and g without what the mask forbids. out <- the new point, unless there is
// no direction; says whether there is.
template <bool kResident>
__device__ __forceinline__ bool step_l1(Team<kResident>& team, float* out, const Column<kResident>& x,
                                        const Column<kResident>& x0, const Column<kResident>& g, int64_t k,
                                        float size, float eps, uint8_t* moved) {
  const Picked picked = pick_largest(team, x, g, k);
  if (team.leads()) *moved = picked.chosen > 0;
  if (picked.chosen == 0) return false;
  jump(team, x, x0, g, picked, static_cast<float>(static_cast<double>(size) / picked.chosen));
  if constexpr (kResident) {
    move_l1(team, out, x, x0, eps);
  } else {
    const Column<false> v{x.here, {nullptr, 1, 1, false}, nullptr};
    move_l1(team, out, v, x0, eps);
  }
  return true;
}

}  // namespace advspur::cuda
