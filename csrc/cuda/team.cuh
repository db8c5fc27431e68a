// The threads that own a sample: a block, or the blocks of a cluster. All of them follow the same search with
// the same sums, so that they never diverge.
#pragma once

#include <cuda_pipeline_primitives.h>

#include "cuda/column.cuh"
#include "cuda/reduce.cuh"

namespace advspur::cuda {

// kResident: the sample lies in shared memory. Else one block works on it where it is, in global memory.
template <bool kResident>
struct Team {
  int n, first, end, rank, blocks, slice;
  bool vector;
  double* board;  // two of them, in turn: nobody writes one that others may still read
  int room, turn;
  char* after;  // dynamic shared memory behind the columns

  __device__ __forceinline__ Team(int64_t size, const Layout& layout, int columns)
      : n(static_cast<int>(size)),
        first(0),
        end(n),
        rank(0),
        blocks(1),
        slice(layout.slice),
        vector(layout.vector),
        turn(0) {
    if constexpr (kResident) {
      blocks = layout.blocks;
      rank = blocks > 1 ? cluster_rank() : 0;
      first = rank * slice;
      end = n - first < slice ? n : first + slice;
      after = ADVSPUR_DYNAMIC_SHARED + int64_t{columns} * slice * 4;
      board = reinterpret_cast<double*>(after);
      const int chunks = static_cast<int>(chunks_of(n));
      room = 3 * chunks < kMaxCluster * kTeamWarps ? kMaxCluster * kTeamWarps : 3 * chunks;
    } else {
      ADVSPUR_SHARED(both, double[2 * 3 * kLanes]);
      board = both;
      room = 3 * kLanes;
      after = nullptr;
    }
  }

  __device__ __forceinline__ bool leads() const { return rank == 0 && threadIdx.x == 0; }

  __device__ __forceinline__ void sync() const {
    if (kResident && blocks > 1) {
      cluster_sync();
    } else {
      __syncthreads();
    }
  }

  // The k-th column. kResident: starts to copy the row into it. Else the row itself.
  __device__ __forceinline__ Column<kResident> column(int k, const float* row,
                                                      const MaskRow& mask = {nullptr, 1, 1, false},
                                                      const float* instead = nullptr) const {
    if constexpr (kResident) {
      const Column<true> c{reinterpret_cast<float*>(ADVSPUR_DYNAMIC_SHARED) + int64_t{k} * slice, first, end,
                           slice};
      fill(c, row);
      return c;
    } else {
      return {const_cast<float*>(row), mask, instead};
    }
  }
  __device__ __forceinline__ void fill(const Column<kResident>& c, const float* row) const {
    const int step = vector ? 4 : 1;
    for (int i = first + step * static_cast<int>(threadIdx.x); i < end; i += step * kTeam) {
      __pipeline_memcpy_async(c.at(i), row + i, vector ? 16 : 4);
    }
  }

  // Until the columns are there.
  __device__ __forceinline__ void wait() const {
    if constexpr (kResident) {
      __pipeline_commit();
      __pipeline_wait_prior(0);
    }
    sync();
  }

  // Forbidden elements get gradient 0 and the clean value (null: 0), as Column<false> has it.
  __device__ __forceinline__ void forbid(const MaskRow& mask, const Column<kResident>* grad,
                                         const Column<kResident>* x, const Column<kResident>* x0) const {
    if constexpr (kResident) {
      if (mask.row == nullptr) return;
      for_own([&](int i) {
        if (mask(static_cast<uint32_t>(i))) return;
        if (grad != nullptr) *grad->at(i) = 0.0f;
        if (x != nullptr) *x->at(i) = x0 == nullptr ? 0.0f : *x0->at(i);
      });
      sync();
    }
  }

  template <class F>
  __device__ __forceinline__ void for_own(const F& f) const {
    for (int i = first + static_cast<int>(threadIdx.x); i < end; i += kTeam) f(i);
  }

  // out[i] = f(i, columns[i] ...): the one write of a row.
  template <class F, class... C>
  __device__ __forceinline__ void write(float* out, const F& f, const C&... columns) const {
    if (vector) {
      for (int i = first + 4 * static_cast<int>(threadIdx.x); i < end; i += 4 * kTeam)
        four(out, i, f, columns.at(i)...);
    } else {
      for_own([&](int i) { out[i] = f(i, *columns.at(i)...); });
    }
  }

  // out[j] = sum of term(i, .)[j] over the elements, in the fixed order of core/reduce.h, for all threads.
  template <int N, class Term>
  __device__ __forceinline__ void total(const Term& term, double* out) {
    const int from = static_cast<int>((first + kChunk - 1) / kChunk),
              to = static_cast<int>((end + kChunk - 1) / kChunk);
    sum<N>(n, from + warp_id(), kTeamWarps, to, term, out);
  }
  // The same over i < m, whoever holds what the terms read.
  template <int N, class Term>
  __device__ __forceinline__ void total_of(int m, const Term& term, double* out) {
    sum<N>(m, rank + blocks * warp_id(), blocks * kTeamWarps, static_cast<int>(chunks_of(m)), term, out);
  }

  // The largest value of all threads, for all threads.
  __device__ __forceinline__ double most(double value) {
    const double mine = warp_most(value);
    tell(rank * kTeamWarps + warp_id(), &mine, 1);
    sync();
    double all = 0.0;
    for (int k = lane_id(); k < blocks * kTeamWarps; k += 32) {
      const double other = now()[k];
      all = other > all ? other : all;
    }
    turn ^= 1;
    return warp_most(all);
  }

  // Sums of a whole number that each thread has: over all threads, and over those of the blocks before this
  // one.
  __device__ __forceinline__ void count(int value, int* all, int* before) {
    const double mine = __reduce_add_sync(kAll, value);
    tell(rank * kTeamWarps + warp_id(), &mine, 1);
    sync();
    int sum = 0, sum_before = 0;
    for (int k = lane_id(); k < blocks * kTeamWarps; k += 32) {
      const int other = static_cast<int>(now()[k]);
      sum += other;
      if (k < rank * kTeamWarps) sum_before += other;
    }
    *all = __reduce_add_sync(kAll, sum);
    *before = __reduce_add_sync(kAll, sum_before);
    turn ^= 1;
  }

 private:
  __device__ __forceinline__ double* now() const { return board + turn * room; }

  // Numbers of a warp, onto the boards of all blocks.
  __device__ __forceinline__ void tell(int place, const double* value, int count) const {
    if (lane_id() >= blocks) return;
    double* there = blocks > 1 ? in_block(now(), lane_id()) : now();
    for (int j = 0; j < count; ++j) there[count * place + j] = value[j];
  }

  template <int N, class Term>
  __device__ __forceinline__ void sum(int m, int from, int step, int to, const Term& term, double* out) {
    if constexpr (kResident) {
      for (int c = from; c < to; c += step) {
        const int start = c * static_cast<int>(kChunk);
        double mine[N];
        warp_sum_chunk<N>(
            static_cast<int>(chunk_size(m, c)), [&](int i, double* value) { term(start + i, value); }, mine);
#pragma unroll
        for (int j = 0; j < N; ++j) mine[j] = __shfl_sync(kAll, mine[j], 0);
        tell(c, mine, N);
      }
      sync();
      warp_sum_chunks<N>(now(), chunks_of(m), out);
    } else {
      for (int lane = warp_id(); lane < kLanes; lane += kTeamWarps) {  // of the chunks c, c + 32, ...
        double mine[N] = {};
        for (int64_t c = lane; c < chunks_of(m); c += kLanes) {
          const int start = static_cast<int>(c * kChunk);
          double part[N];
          warp_sum_chunk<N>(
              static_cast<int>(chunk_size(m, c)), [&](int i, double* value) { term(start + i, value); },
              part);
#pragma unroll
          for (int j = 0; j < N; ++j) mine[j] += part[j];
        }
        if (lane_id() == 0) {
          for (int j = 0; j < N; ++j) now()[N * lane + j] = mine[j];
        }
      }
      __syncthreads();
#pragma unroll
      for (int j = 0; j < N; ++j) out[j] = fold_warp(now()[N * lane_id() + j]);
    }
#pragma unroll
    for (int j = 0; j < N; ++j) out[j] = __shfl_sync(kAll, out[j], 0);
    turn ^= 1;
  }

  template <class F, class... P>
  static __device__ __forceinline__ void four(float* out, int i, const F& f, const P*... from) {
    const float4 in[] = {*reinterpret_cast<const float4*>(from)...};
    float result[4];
    apply(result, i, f, in, std::make_index_sequence<sizeof...(P)>());
    store_four(out + i, result);
  }
  template <class F, size_t... kIndex>
  static __device__ __forceinline__ void apply(float* result, int i, const F& f, const float4* in,
                                               std::index_sequence<kIndex...>) {
    result[0] = f(i, in[kIndex].x...);
    result[1] = f(i + 1, in[kIndex].y...);
    result[2] = f(i + 2, in[kIndex].z...);
    result[3] = f(i + 3, in[kIndex].w...);
  }
};

}  // namespace advspur::cuda
