// APGD's l2 move: on chip where a cluster holds the sample, else in passes.
#pragma once

#include "cuda/apgd_row.cuh"
#include "cuda/l2.cuh"
#include "cuda/l2_passes.cuh"

namespace advspur::cuda {

__device__ __forceinline__ float l2_there(float here, float x0, float g, float old, const PlanL2& plan,
                                          float share, float rest) {
  const float y = plan.moves ? step_l2(here, x0, finite_or_zero(g), plan) : here;
  return mix(here, y, old, share, rest);
}

__device__ __forceinline__ float l2_shrunk(float there, float x0, float shrink) {
  return clamp(there + shrink * (there - x0), 0.0f, 1.0f);
}

// ---- on chip: from, grad, x0 and old are read once

__global__ void __launch_bounds__(kTeam, 2) apgd_l2_kernel(Apgd s, const Decision* decisions, Layout layout) {
  const int64_t n = s.batch.n, sample = blockIdx.x / layout.blocks;
  const Rows row(s, decisions[sample], sample);
  const MaskRow mask = mask_row(s.mask, n, sample);
  Team<true> team(n, layout, 3);
  const auto from = team.column(0, row.from), g = team.column(1, row.grad), x0 = team.column(2, row.x0);
  team.wait();
  if (row.better) {
    const auto same = [](int, float value) { return value; };
    team.write(row.best, same, from);
    team.write(row.best_grad, same, g);
  }
  double sums[3];
  team.total<3>(
      [&](int i, double* value) {
        const float x0_i = x0[i];
        const bool may = mask(static_cast<uint32_t>(i));
        l2_terms(may ? from[i] : x0_i, x0_i, may ? g[i] : 0.0f, value);
      },
      sums);
  const PlanL2 plan = plan_l2(sums[0], sums[1], sums[2], s.eps[sample], s.size[sample]);
  if (team.leads()) s.moved[sample] = plan.moves;
  // The new point takes the gradient's place on chip.
  const float share = s.share, rest = 1.0f - share;
  const auto move = [&](int i, float here, float g_i, float x0_i, float old) {
    return mask(static_cast<uint32_t>(i)) ? l2_there(here, x0_i, g_i, old, plan, share, rest) : x0_i;
  };
  const int step = team.vector ? 4 : 1;
  for (int i = team.first + step * static_cast<int>(threadIdx.x); i < team.end; i += step * kTeam) {
    if (team.vector) {
      float here[4], old[4], g_i[4], x0_i[4], there[4];
      load_four(from.at(i), here), load_four(g.at(i), g_i), load_four(x0.at(i), x0_i),
          load_four(row.old + i, old);
#pragma unroll
      for (int k = 0; k < 4; ++k) there[k] = move(i + k, here[k], g_i[k], x0_i[k], old[k]);
      store_four(g.at(i), there), store_four(row.old + i, here);
    } else {
      const float here = *from.at(i);
      *g.at(i) = move(i, here, *g.at(i), *x0.at(i), row.old[i]);
      row.old[i] = here;
    }
  }
  team.sync();
  double square;
  team.total<1>(
      [&](int i, double* value) {
        const double d = g[i] - x0[i];
        value[0] = d * d;
      },
      &square);
  const float shrink = shrink_l2(square, s.eps[sample]) - 1.0f;
  team.write(row.x, [&](int, float there, float x0_i) { return l2_shrunk(there, x0_i, shrink); }, g, x0);
}

// ---- in passes

struct ApgdTerms {
  Apgd s;
  const Decision* decisions;
  __device__ __forceinline__ void operator()(int64_t sample, int i, double* out) const {
    const Rows row(s, decisions[sample], sample);
    const bool may = mask_row(s.mask, s.batch.n, sample)(static_cast<uint32_t>(i));
    const float x0 = row.x0[i];
    l2_terms(may ? row.from[i] : x0, x0, may ? row.grad[i] : 0.0f, out);
  }
};

struct LengthTerms {
  Apgd s;
  __device__ __forceinline__ void operator()(int64_t sample, int i, double* out) const {
    const int64_t e = sample * s.batch.n + i;
    const double d = s.x[e] - s.x0[e];
    out[0] = d * d;
  }
};

template <bool kVector, class F>
__device__ __forceinline__ void for_part(int64_t part, int64_t n, const F& f) {
  constexpr int kStep = kVector ? 4 : 1;
#pragma unroll
  for (int j = 0; j < kPerThread / kStep; ++j) {
    const int64_t e = part * kPerBlock + kStep * (threadIdx.x + int64_t{j} * kThreads);
    if (e < n) f(e);
  }
}

template <bool kVector>
__global__ void __launch_bounds__(kThreads)
    l2_mix_kernel(Apgd s, const Decision* decisions, const double* sums) {
  const int64_t n = s.batch.n, blocks = blocks_for(n);
  const int64_t sample = blockIdx.x / blocks, part = blockIdx.x % blocks;
  const Rows row(s, decisions[sample], sample);
  const MaskRow mask = mask_row(s.mask, n, sample);
  const PlanL2 plan = decide_by_one<3, PlanL2>(sums + 3 * chunks_of(n) * sample, n, [&](const double* total) {
    return plan_l2(total[0], total[1], total[2], s.eps[sample], s.size[sample]);
  });
  if (part == 0 && threadIdx.x == 0) s.moved[sample] = plan.moves;
  const float share = s.share, rest = 1.0f - share;
  constexpr int kStep = kVector ? 4 : 1;
  for_part<kVector>(part, n, [&](int64_t e) {
    float here[kStep], g[kStep], x0[kStep], old[kStep], there[kStep];
    load_some<kVector>(row.from + e, here);
    load_some<kVector>(row.grad + e, g);
    load_some<kVector>(row.x0 + e, x0);
    load_some<kVector>(row.old + e, old);
#pragma unroll
    for (int k = 0; k < kStep; ++k) {
      there[k] = mask(static_cast<uint32_t>(e + k))
                     ? l2_there(here[k], x0[k], g[k], old[k], plan, share, rest)
                     : x0[k];
    }
    if (row.better) {
      store_some<kVector>(row.best + e, here);
      store_some<kVector>(row.best_grad + e, g);
    }
    store_some<kVector>(row.old + e, here);
    store_some<kVector>(row.x + e, there);
  });
}

template <bool kVector>
__global__ void __launch_bounds__(kThreads) l2_shrink_kernel(Apgd s, const double* lengths) {
  const int64_t n = s.batch.n, blocks = blocks_for(n);
  const int64_t sample = blockIdx.x / blocks, part = blockIdx.x % blocks, at = sample * n;
  const float shrink = decide_by_one<1, float>(lengths + chunks_of(n) * sample, n, [&](const double* total) {
    return shrink_l2(total[0], s.eps[sample]) - 1.0f;
  });
  constexpr int kStep = kVector ? 4 : 1;
  for_part<kVector>(part, n, [&](int64_t e) {
    float there[kStep], x0[kStep];
    load_some<kVector>(s.x + at + e, there);
    load_some<kVector>(s.x0 + at + e, x0);
#pragma unroll
    for (int k = 0; k < kStep; ++k) there[k] = l2_shrunk(there[k], x0[k], shrink);
    store_some<kVector>(s.x + at + e, there);
  });
}

// decisions: followed by room for four doubles a chunk.
inline void apgd_l2(const Apgd& s, Decision* decisions, bool vector, cudaStream_t stream) {
  const int64_t n = s.batch.n, samples = s.batch.samples;
  const Layout layout = layout_of(n, 3, 0, vector);
  if (layout.blocks > 0) {
    const Grid grid{samples * layout.blocks, kTeam, layout.bytes, layout.blocks};
    return launch("apgd", apgd_l2_kernel, grid, stream, s, decisions, layout);
  }
  double *sums = reinterpret_cast<double*>(decisions + samples), *lengths = sums + 3 * samples * chunks_of(n);
  const Grid by_chunk{chunk_blocks(samples, n), kThreads}, by_part{samples * blocks_for(n), kThreads};
  launch("apgd", chunk_sums_kernel<3, ApgdTerms>, by_chunk, stream, samples, n, ApgdTerms{s, decisions},
         sums);
  launch("apgd", vector ? l2_mix_kernel<true> : l2_mix_kernel<false>, by_part, stream, s, decisions, sums);
  launch("apgd", chunk_sums_kernel<1, LengthTerms>, by_chunk, stream, samples, n, LengthTerms{s}, lengths);
  launch("apgd", vector ? l2_shrink_kernel<true> : l2_shrink_kernel<false>, by_part, stream, s, lengths);
}

}  // namespace advspur::cuda
