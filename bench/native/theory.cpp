// advspur-bench-theory: exact solution paths of linear problems, checked, then timed.
#include "advspur/theory.h"

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <random>

#include "options.h"
#include "theory/blas.h"

// The Fortran symbols of whichever LAPACK the program was linked with.
extern "C" {
void dgemm_(char*, char*, int*, int*, int*, double*, double*, int*, double*, int*, double*, double*, int*);
void dsyrk_(char*, char*, int*, int*, double*, double*, int*, double*, double*, int*);
void dgemv_(char*, int*, int*, double*, double*, int*, double*, int*, double*, double*, int*);
void dsymv_(char*, int*, double*, double*, int*, double*, int*, double*, double*, int*);
void dtrsm_(char*, char*, char*, char*, int*, int*, double*, double*, int*, double*, int*);
void dpotrf_(char*, int*, double*, int*, int*);
void dpotrs_(char*, int*, int*, double*, int*, double*, int*, int*);
void dsyevd_(char*, char*, int*, double*, int*, double*, double*, int*, int*, int*, int*);
void dsytrd_(char*, int*, double*, int*, double*, double*, double*, double*, int*, int*);
void dormtr_(char*, char*, char*, int*, int*, double*, int*, double*, double*, int*, double*, int*, int*);
}

namespace {

using namespace advspur::bench;
using advspur::theory::Answers;
using advspur::theory::Attack;

constexpr char kUsage[] =
    "usage: advspur-bench-theory [--threads N] [--json]\n"
    "50 radii of one problem with 10, 100 and 1000 features, and many problems of 10 features on N threads.\n"
    "Before timing, every solution must have a certificate below 1e-9 and no neighbour with a lower risk.\n"
    "The linear algebra library's own threads are set by its variables (OPENBLAS_NUM_THREADS=1).\n";

constexpr int kRadii = 50;
constexpr double kNoise = 0.3;

const char* name_of(Attack attack) {
  return attack == Attack::kL2 ? "l2" : attack == Attack::kLinf ? "linf" : "l1";
}

struct Problem {
  int64_t d;
  std::vector<double> cov, theta;
  std::vector<uint8_t> core;
};

// Correlations that fall with the distance of two features, scales from 1/2 to 2, the first half predictive.
Problem make(int64_t d, uint64_t seed) {
  std::mt19937_64 draw(seed);
  std::normal_distribution<double> normal;
  Problem p{d, std::vector<double>(d * d), std::vector<double>(d), std::vector<uint8_t>(d)};
  std::vector<double> scale(d);
  for (int64_t i = 0; i < d; ++i) scale[i] = std::exp2(2.0 * i / std::max<int64_t>(d - 1, 1) - 1);
  for (int64_t i = 0; i < d; ++i) {
    p.core[i] = i < (d + 1) / 2;
    p.theta[i] = p.core[i] ? normal(draw) / std::sqrt(static_cast<double>(d)) : 0;
    for (int64_t j = 0; j < d; ++j)
      p.cov[i * d + j] = scale[i] * scale[j] * std::pow(0.9, std::fabs(static_cast<double>(i - j)));
  }
  return p;
}

// E (|r| + eps N)^2 for a Gaussian r: the adversarial risk from its definition.
double risk(const Problem& p, const double* t, double eps, Attack attack) {
  double square = kNoise * kNoise, one = 0, two = 0, most = 0;
  for (int64_t i = 0; i < p.d; ++i) {
    double row = 0;
    for (int64_t j = 0; j < p.d; ++j) row += p.cov[i * p.d + j] * (t[j] - p.theta[j]);
    square += (t[i] - p.theta[i]) * row;
    one += std::fabs(t[i]), two += t[i] * t[i], most = std::max(most, std::fabs(t[i]));
  }
  const double norm = attack == Attack::kL2 ? std::sqrt(two) : attack == Attack::kLinf ? one : most;
  return square + 2 * eps * norm * std::sqrt(2 / M_PI) * std::sqrt(square) + eps * eps * norm * norm;
}

std::vector<double> radii_of(const Problem& p, Attack attack) {
  advspur::theory::Path path;
  path.reset(p.d, p.cov.data(), p.theta.data(), kNoise, p.core.data(), attack);
  std::vector<double> eps(kRadii);
  for (int k = 0; k < kRadii; ++k) eps[k] = path.critical() * 1.05 * k / (kRadii - 1);
  return eps;
}

void check(int64_t d, Attack attack) {
  const Problem p = make(d, 1);
  const std::vector<double> eps = radii_of(p, attack);
  std::vector<double> theta(kRadii * d), found(kRadii), gap(kRadii);
  Answers answers;
  answers.theta = theta.data(), answers.risk = found.data(), answers.gap = gap.data();
  advspur::theory::Path path;
  path.reset(d, p.cov.data(), p.theta.data(), kNoise, p.core.data(), attack);
  path.solve(kRadii, eps.data(), answers);
  std::mt19937_64 draw(2);
  std::normal_distribution<double> normal;
  for (int k = 0; k < kRadii; ++k) {
    const double at = risk(p, &theta[k * d], eps[k], attack);
    bool good = gap[k] <= 1e-9 * found[k] && std::fabs(at - found[k]) <= 1e-9 * at;
    for (int turn = 0; turn < 20 && good; ++turn) {  // the risk is convex: no neighbour may be better
      std::vector<double> near(theta.begin() + k * d, theta.begin() + (k + 1) * d);
      for (double& value : near) value += std::pow(10.0, -1 - turn % 5) * normal(draw);
      good = risk(p, near.data(), eps[k], attack) >= at * (1 - 1e-9);
    }
    if (!good) {
      std::fprintf(stderr, "d = %ld, %s, eps = %g: not optimal (risk %.17g, by definition %.17g, gap %g)\n",
                   static_cast<long>(d), name_of(attack), eps[k], found[k], at, gap[k]);
      std::exit(1);
    }
  }
}

void one_path(benchmark::State& state, int64_t d, Attack attack) {
  const Problem p = make(d, 1);
  const std::vector<double> eps = radii_of(p, attack);
  std::vector<double> theta(kRadii * d), found(kRadii);
  Answers answers;
  answers.theta = theta.data(), answers.risk = found.data();
  for (auto _ : state) {
    advspur::theory::Path path;
    path.reset(d, p.cov.data(), p.theta.data(), kNoise, p.core.data(), attack);
    path.solve(kRadii, eps.data(), answers);
    benchmark::DoNotOptimize(found.data());
  }
  state.counters["radii/s"] = benchmark::Counter(kRadii, benchmark::Counter::kIsIterationInvariantRate);
}

void many(benchmark::State& state, Attack attack, int threads) {
  constexpr int64_t m = 2000, d = 10, k = 10;
  std::vector<double> covs, thetas, noise(m, kNoise), eps, found(m * k), theta(m * k * d);
  for (int64_t i = 0; i < m; ++i) {
    const Problem p = make(d, i + 1);
    const std::vector<double> radii = radii_of(p, attack);
    covs.insert(covs.end(), p.cov.begin(), p.cov.end());
    thetas.insert(thetas.end(), p.theta.begin(), p.theta.end());
    for (int64_t j = 0; j < k; ++j) eps.push_back(radii[5 * j]);
  }
  Answers answers;
  answers.theta = theta.data(), answers.risk = found.data();
  for (auto _ : state)
    advspur::theory::solve_many(m, d, k, covs.data(), thetas.data(), noise.data(), nullptr, eps.data(),
                                attack, answers, threads);
  state.counters["radii/s"] = benchmark::Counter(m * k, benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(&argc, argv, kUsage);
  advspur::theory::blas_state().table = {dgemm_,  dsyrk_,  dgemv_,  dsymv_,  dtrsm_,
                                         dpotrf_, dpotrs_, dsyevd_, dsytrd_, dormtr_};
  advspur::theory::blas_state().loaded = true;
  benchmark::AddCustomContext("threads", std::to_string(options.threads));
  benchmark::Initialize(&argc, argv);
  for (const Attack attack : {Attack::kL2, Attack::kLinf, Attack::kL1}) {
    for (const int64_t d : {1, 2, 7, 60}) check(d, attack);
    for (const int64_t d : {10, 100, 1000})
      benchmark::RegisterBenchmark((std::string("path/") + name_of(attack) + "/" + std::to_string(d)).c_str(),
                                   [=](benchmark::State& state) { one_path(state, d, attack); })
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark((std::string("many/") + name_of(attack) + "/10").c_str(),
                                 [=](benchmark::State& state) { many(state, attack, options.threads); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
  std::fprintf(stderr, "%d solutions are optimal\n", 3 * 4 * kRadii);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
