#include "advspur/hyperplane.h"
#include "core/hyperplane.h"
#include "cuda/launch.cuh"
#include "cuda/mask.cuh"
#include "cuda/reduce.cuh"

namespace advspur::cuda {
namespace {

// Everything is one block of kBlock threads a sample; all of them follow the same search with the same sums.

struct PlaneShared {
  double sums[2 * kWarps + 2];
  unsigned long long bins[kPlaneBins];
  unsigned long long most;
  alignas(Edge) unsigned char edge_bytes[sizeof(Edge)];
  __device__ Edge& edge() { return *reinterpret_cast<Edge*>(edge_bytes); }
};

// A view of one sample. Elements the mask forbids have w = 0 and x = x0.
struct Row {
  const float *x, *x0, *w;
  MaskRow mask;
  double pull;  // 1: x itself
  __device__ __forceinline__ float weight(int64_t i) const {
    return mask(static_cast<uint32_t>(i)) ? w[i] : 0.0f;
  }
  __device__ __forceinline__ float iterate(int64_t i) const {
    return mask(static_cast<uint32_t>(i)) ? x[i] : x0[i];
  }
  __device__ __forceinline__ float back(int64_t i) const {
    return pull != 1.0 ? pulled(iterate(i), x0[i], pull) : iterate(i);
  }
};

// at: element -> the point's value.
template <class At>
__device__ void decide_edge(Decision& d, const Row& row, const At& at, int64_t n, double need,
                            PlaneShared& shared) {
  d.edge = 0;
  if (threadIdx.x == 0) {
    shared.most = 0;
    shared.edge() = Edge{};
  }
  __syncthreads();
  unsigned long long most = 0;  // doubles >= 0 keep their order as bits
  for (int64_t i = threadIdx.x; i < n; i += kBlock) {
    const Reach r = reach_of(at(i), row.weight(i), d.negative);
    const unsigned long long gain =
        __double_as_longlong(static_cast<double>(r.size) * static_cast<double>(r.room));
    most = max(most, gain);
  }
  atomicMax(&shared.most, most);
  __syncthreads();
  const double unit = integer_unit(__longlong_as_double(shared.most), n);
  __syncthreads();  // nobody starts the next search before all have read this one
  if (!(unit > 0.0) || !(need * unit < 0x1p62)) return;
  const uint64_t wanted = static_cast<uint64_t>(need * unit);
  for (int round = 0; round < kPlaneRounds; ++round) {
    const int shift = plane_shift(round), bits = plane_bits(round);
    for (int b = threadIdx.x; b < kPlaneBins; b += kBlock) shared.bins[b] = 0;
    __syncthreads();
    const uint32_t prefix = shared.edge().prefix;
    for (int64_t i = threadIdx.x; i < n; i += kBlock) {
      const Reach r = reach_of(at(i), row.weight(i), d.negative);
      const uint32_t key = to_bits(r.size);
      if (key >> (shift + bits) == prefix) {
        atomicAdd(&shared.bins[key >> shift & ((1u << bits) - 1u)],
                  static_cast<unsigned long long>(to_integer(r.size, r.room, unit)));
      }
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      Edge edge = shared.edge();
      narrow_edge(edge, round, reinterpret_cast<const uint64_t*>(shared.bins), wanted);
      shared.edge() = edge;
    }
    __syncthreads();
  }
  d.edge = shared.edge().prefix;
  d.share = shared.edge().share;
  __syncthreads();
}

template <Norm kNorm, class At>
__device__ Decision decide(const Row& row, const At& at, int64_t n, double gap, PlaneShared& shared) {
  Decision d;
  if (!(fabs(gap) > 0.0) || !isfinite(gap)) return d;
  d.negative = gap < 0.0;
  const double need = fabs(gap);
  if constexpr (kNorm == Norm::kL1) {
    decide_edge(d, row, at, n, need, shared);
  } else {
    d.s = climb(need, [&](double s) {
      const Level now = block_level(
          n,
          [&](int64_t i, double* out) {
            const Reach r = reach_of(at(i), row.weight(i), d.negative);
            const double size = r.size, room = r.room, rate = kNorm == Norm::kL2 ? size : 1.0;
            const bool held = room <= s * rate;
            out[0] = held ? size * room : 0.0;
            out[1] = held ? 0.0 : size * rate;
          },
          shared.sums);
      return Climb{now.sum, now.slope};
    });
  }
  return d;
}

template <Norm kNorm, class At>
__device__ double length_of(const Decision& d, const Row& row, const At& at, int64_t n, PlaneShared& shared) {
  if constexpr (kNorm == Norm::kLinf) return d.s < 1.0 ? d.s : 1.0;
  const double total = block_level(
                           n,
                           [&](int64_t i, double* out) {
                             out[0] = length_term<kNorm>(move_of<kNorm>(d, at(i), row.weight(i)));
                             out[1] = 0.0;
                           },
                           shared.sums)
                           .sum;
  return kNorm == Norm::kL2 ? sqrt(total) : total;
}

template <Norm kNorm>
__global__ void __launch_bounds__(kBlock) plane_kernel(Plane p) {
  ADVSPUR_SHARED(shared, PlaneShared);
  const int64_t n = p.batch.n, sample = blockIdx.x;
  const Row row{p.x + sample * n, p.x + sample * n, p.w + sample * n, {nullptr, 1, 1, false}, 1.0};
  const auto at = [&](int64_t i) { return row.x[i]; };
  const Decision d = decide<kNorm>(row, at, n, p.gap[sample], shared);
  float* out = p.d + sample * n;
  for (int64_t i = threadIdx.x; i < n; i += kBlock) {
    out[i] = static_cast<float>(move_of<kNorm>(d, row.x[i], row.w[i]));
  }
}

template <Norm kNorm>
__global__ void __launch_bounds__(kBlock) fab_kernel(FabStep s) {
  ADVSPUR_SHARED(shared, PlaneShared);
  const int64_t n = s.batch.n, sample = blockIdx.x;
  float* x = s.x + sample * n;
  const float* x0 = s.x0 + sample * n;
  const double value = s.value[sample], pull = s.pull[sample];
  const Row row{x, x0, s.w + sample * n, mask_row(s.mask, n, sample), pull};
  const Level dot = block_level(
      n,
      [&](int64_t i, double* out) {
        const float w_i = finite_or_zero(row.weight(i));
        out[0] =
            static_cast<double>(w_i) * (static_cast<double>(row.iterate(i)) - static_cast<double>(x0[i]));
        out[1] = size_bits(w_i) != 0u ? 1.0 : 0.0;
      },
      shared.sums);
  const bool moves = dot.slope > 0.0 && isfinite(value);
  if (threadIdx.x == 0) s.moved[sample] = moves;
  if (!moves) {
    for (int64_t i = threadIdx.x; i < n; i += kBlock) x[i] = row.iterate(i);
    return;
  }
  const auto back = [&](int64_t i) { return row.back(i); };
  const auto start = [&](int64_t i) { return x0[i]; };
  const Decision here = decide<kNorm>(row, back, n, -(value - (1.0 - pull) * dot.sum), shared);
  const Decision clean = decide<kNorm>(row, start, n, -(value - dot.sum), shared);
  const double alpha = alpha_of(length_of<kNorm>(here, row, back, n, shared),
                                length_of<kNorm>(clean, row, start, n, shared), s.alpha_max);
  for (int64_t i = threadIdx.x; i < n; i += kBlock) {
    const float b = row.back(i), w = row.weight(i);
    x[i] = mix(b, x0[i], move_of<kNorm>(here, b, w), move_of<kNorm>(clean, x0[i], w), s.eta, alpha);
  }
}

}  // namespace

void to_plane(const Plane& p, void* cuda_stream) {
  if (p.batch.samples == 0 || p.batch.n == 0) return;
  const cudaStream_t stream = as_stream(cuda_stream);
  const unsigned grid = static_cast<unsigned>(p.batch.samples);
  if (p.norm == Norm::kLinf) {
    launch("to_plane", plane_kernel<Norm::kLinf>, {grid, kBlock}, stream, p);
  } else if (p.norm == Norm::kL2) {
    launch("to_plane", plane_kernel<Norm::kL2>, {grid, kBlock}, stream, p);
  } else {
    launch("to_plane", plane_kernel<Norm::kL1>, {grid, kBlock}, stream, p);
  }
}

void fab_step(const FabStep& s, void* cuda_stream) {
  if (s.batch.samples == 0) return;
  const cudaStream_t stream = as_stream(cuda_stream);
  const unsigned grid = static_cast<unsigned>(s.batch.samples);
  if (s.norm == Norm::kLinf) {
    launch("fab_step", fab_kernel<Norm::kLinf>, {grid, kBlock}, stream, s);
  } else if (s.norm == Norm::kL2) {
    launch("fab_step", fab_kernel<Norm::kL2>, {grid, kBlock}, stream, s);
  } else {
    launch("fab_step", fab_kernel<Norm::kL1>, {grid, kBlock}, stream, s);
  }
}

}  // namespace advspur::cuda
