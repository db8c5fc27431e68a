// APGD's l1 step: record and move by one team. At a checkpoint the number of values that the best point moved
// decides where the step starts.
#pragma once

#include "cuda/apgd_row.cuh"
#include "cuda/select.cuh"

namespace advspur::cuda {

// What the leading block's record says to the other blocks.
struct Told {
  int64_t width;
  float size;
  int again;
};

template <bool kResident>
__global__ void __launch_bounds__(kTeam, 1) apgd_l1_kernel(Apgd s, Layout layout) {
  ADVSPUR_SHARED(told, Told);
  const int64_t n = s.batch.n, sample = blockIdx.x / (kResident ? layout.blocks : 1), at = sample * n;
  Team<kResident> team(n, layout, 3);
  const bool better = s.loss[sample] > s.best_loss[sample], checks = s.window > 0;
  float size = s.size[sample];
  int64_t width = s.width[sample];
  float *best = s.best + at, *best_grad = s.best_grad + at;
  const auto x0 = team.column(0, s.x0 + at);
  auto x = team.column(1, checks && !better ? best : s.x + at), g = team.column(2, s.grad + at);
  team.wait();  // all have read the record: now it may change
  if (team.leads()) note_loss(s, sample);
  bool back = false;  // the step starts at the best point, which is not x
  if (checks) {
    int moved = 0, all = 0, before = 0;
    team.for_own([&](int i) { moved += *x.at(i) != *x0.at(i); });
    team.count(moved, &all, &before);
    if (team.leads()) {
      told.again = check_step_l1(s, sample, all);
      told.size = s.size[sample];
      told.width = s.width[sample];
    }
    team.sync();
    const Told* heard = kResident && team.blocks > 1 ? in_block(&told, 0) : &told;
    size = heard->size;
    width = heard->width;
    back = heard->again != 0 && !better;
    if (!better) {
      if (back) {
        g = team.column(2, best_grad);
      } else {
        x = team.column(1, s.x + at);
      }
      team.wait();
    }
  }
  const auto same = [](int, float value) { return value; };
  if (better) {
    team.write(best, same, x);
    team.write(best_grad, same, g);
  }
  team.write(s.old + at, same, x);
  const MaskRow mask = mask_row(s.mask, n, sample);
  __syncthreads();
  if constexpr (kResident) {
    team.forbid(mask, &g, &x, &x0);
  } else {
    if (back) team.write(s.x + at, same, x);
    __syncthreads();
    x = {s.x + at, mask, s.x0 + at};
    g.mask = mask;
  }
  const bool went = step_l1(team, s.x + at, x, x0, g, width, size, s.eps[sample], s.moved + sample);
  if (kResident && back && !went) {
    team.for_own([&](int i) { s.x[at + i] = best[i]; });
  }
}

inline void apgd_l1(const Apgd& s, bool vector, cudaStream_t stream) {
  const Layout layout = layout_of(s.batch.n, 3, Counters<true>::kBytes, vector);
  if (layout.blocks > 0) {
    const Grid grid{s.batch.samples * layout.blocks, kTeam, layout.bytes, layout.blocks};
    launch("apgd", apgd_l1_kernel<true>, grid, stream, s, layout);
  } else {
    launch("apgd", apgd_l1_kernel<false>, {s.batch.samples, kTeam}, stream, s, layout);
  }
}

}  // namespace advspur::cuda
