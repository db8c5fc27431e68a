#include "advspur/hyperplane.h"
#include "core/hyperplane.h"
#include "cuda/edge.cuh"
#include "cuda/elements.cuh"
#include "cuda/mask.cuh"
#include "cuda/team.cuh"

namespace advspur::cuda {
namespace {

// at, w: the columns of the point and of the hyperplane.
template <Norm kNorm, bool kResident>
__device__ __forceinline__ Decision decide(Team<kResident>& team, const Column<kResident>& at,
                                           const Column<kResident>& w, double gap) {
  Decision d;
  if (!(fabs(gap) > 0.0) || !isfinite(gap)) return d;
  d.negative = gap < 0.0;
  const double need = fabs(gap);
  if constexpr (kNorm == Norm::kL1) {
    find_edge(d, team, at, w, need);
  } else {
    d.s = climb(need, [&](double s) {
      double sums[2];
      team.template total<2>(
          [&](int i, double* out) {
            const Reach r = reach_of(at[i], w[i], d.negative);
            const double size = r.size, room = r.room, rate = kNorm == Norm::kL2 ? size : 1.0;
            const bool held = room <= s * rate;
            out[0] = held ? size * room : 0.0;
            out[1] = held ? 0.0 : size * rate;
          },
          sums);
      return Climb{sums[0], sums[1]};
    });
  }
  return d;
}

template <Norm kNorm, bool kResident>
__device__ __forceinline__ double length_of(const Decision& d, Team<kResident>& team,
                                            const Column<kResident>& at, const Column<kResident>& w) {
  if constexpr (kNorm == Norm::kLinf) return d.s < 1.0 ? d.s : 1.0;
  double total;
  team.template total<1>(
      [&](int i, double* out) { out[0] = length_term<kNorm>(move_of<kNorm>(d, at[i], w[i])); }, &total);
  return kNorm == Norm::kL2 ? sqrt(total) : total;
}

template <Norm kNorm, bool kResident>
__global__ void __launch_bounds__(kTeam, 1) plane_kernel(Plane p, Layout layout) {
  const int64_t n = p.batch.n, sample = blockIdx.x / (kResident ? layout.blocks : 1), at = sample * n;
  Team<kResident> team(n, layout, 2);
  const auto x = team.column(0, p.x + at), w = team.column(1, p.w + at);
  team.wait();
  const Decision d = decide<kNorm>(team, x, w, p.gap[sample]);
  team.write(
      p.d + at, [&](int, float x_i, float w_i) { return static_cast<float>(move_of<kNorm>(d, x_i, w_i)); }, x,
      w);
}

// Elements the mask forbids have w = 0 and x = x0.
template <Norm kNorm, bool kResident>
__global__ void __launch_bounds__(kTeam, 1) fab_kernel(FabStep s, Layout layout) {
  const int64_t n = s.batch.n, sample = blockIdx.x / (kResident ? layout.blocks : 1), at = sample * n;
  Team<kResident> team(n, layout, 3);
  const MaskRow mask = mask_row(s.mask, n, sample);
  const double value = s.value[sample], pull = s.pull[sample];
  const auto x0 = team.column(0, s.x0 + at), w = team.column(1, s.w + at, mask);
  auto x = team.column(2, s.x + at, mask, s.x0 + at);
  team.wait();
  team.forbid(mask, &w, &x, &x0);
  double dot[2];
  team.template total<2>(
      [&](int i, double* out) {
        const float w_i = finite_or_zero(w[i]);
        out[0] = static_cast<double>(w_i) * (static_cast<double>(x[i]) - static_cast<double>(x0[i]));
        out[1] = size_bits(w_i) != 0u ? 1.0 : 0.0;
      },
      dot);
  const bool moves = dot[1] > 0.0 && isfinite(value);
  if (team.leads()) s.moved[sample] = moves;
  // From here on x is the point it is pulled back to.
  team.for_own([&](int i) {
    const float x_i = x[i];
    *x.at(i) = moves && pull != 1.0 ? pulled(x_i, x0[i], pull) : x_i;
  });
  if constexpr (!kResident) x = {x.here, {nullptr, 1, 1, false}, nullptr};
  team.sync();
  if (!moves) {
    if (kResident) team.write(s.x + at, [](int, float x_i) { return x_i; }, x);
    return;
  }
  const Decision here = decide<kNorm>(team, x, w, -(value - (1.0 - pull) * dot[0]));
  const Decision clean = decide<kNorm>(team, x0, w, -(value - dot[0]));
  const double alpha =
      alpha_of(length_of<kNorm>(here, team, x, w), length_of<kNorm>(clean, team, x0, w), s.alpha_max);
  team.write(
      s.x + at,
      [&](int i, float b, float x0_i, float w_i) {
        const float w_may = kResident || mask(static_cast<uint32_t>(i)) ? w_i : 0.0f;
        return mix(b, x0_i, move_of<kNorm>(here, b, w_may), move_of<kNorm>(clean, x0_i, w_may), s.eta, alpha);
      },
      x, x0, w);
}

template <class Job>
using Kernel = void (*)(Job, Layout);

// kernels: by norm, on chip or not.
template <class Job>
void launch_by_norm(const char* what, const Kernel<Job> (&kernels)[3][2], const Job& job, int columns,
                    bool vector, cudaStream_t stream) {
  const Layout layout = layout_of(job.batch.n, columns, job.norm == Norm::kL1 ? kEdgeBytes : 0, vector);
  const bool on_chip = layout.blocks > 0;
  const Grid chip{job.batch.samples * layout.blocks, kTeam, layout.bytes, layout.blocks},
      global{job.batch.samples, kTeam};
  launch(what, kernels[static_cast<int>(job.norm)][on_chip], on_chip ? chip : global, stream, job, layout);
}

}  // namespace

void to_plane(const Plane& p, void* cuda_stream) {
  if (p.batch.samples == 0 || p.batch.n == 0) return;
  const Kernel<Plane> kernels[3][2] = {{plane_kernel<Norm::kLinf, false>, plane_kernel<Norm::kLinf, true>},
                                       {plane_kernel<Norm::kL2, false>, plane_kernel<Norm::kL2, true>},
                                       {plane_kernel<Norm::kL1, false>, plane_kernel<Norm::kL1, true>}};
  launch_by_norm("to_plane", kernels, p, 2, fits_vectors(p.batch.n, p.x, p.w, p.d), as_stream(cuda_stream));
}

void fab_step(const FabStep& s, void* cuda_stream) {
  if (s.batch.samples == 0) return;
  const Kernel<FabStep> kernels[3][2] = {{fab_kernel<Norm::kLinf, false>, fab_kernel<Norm::kLinf, true>},
                                         {fab_kernel<Norm::kL2, false>, fab_kernel<Norm::kL2, true>},
                                         {fab_kernel<Norm::kL1, false>, fab_kernel<Norm::kL1, true>}};
  launch_by_norm("fab_step", kernels, s, 3, fits_vectors(s.batch.n, s.x, s.x0, s.w), as_stream(cuda_stream));
}

}  // namespace advspur::cuda
