// Exact adversarially trained solutions of Gaussian linear problems: x ~ N(0, cov), y = <x, theta> + N(0,
// noise_std^2), min over t of E max_{||delta|| <= eps} (<t, x + delta> - y)^2. Formulas: docs/theory.md.
// Double precision throughout.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace advspur::theory {

// The attack's norm.
enum class Attack : int { kL2 = 0, kLinf = 1, kL1 = 2 };

// Where answers for k radii go; null pointers are skipped.
struct Answers {
  double* theta = nullptr;  // (k, d)
  double* risk = nullptr;   // this and the following: (k)
  double* standard_risk = nullptr;
  double* spurious_weight = nullptr;  // l2 norm of the spurious weights
  double* spurious_share = nullptr;   // l1 norm of the spurious weights / l1 norm of all
  double* multiplier = nullptr;
  double* gap = nullptr;  // upper bound on risk - min risk
  uint8_t* unique = nullptr;
};

// All solutions of one problem. Work is done when asked for and kept. Not for several threads at once.
class Path {
 public:
  struct State;

  Path();
  ~Path();

  // cov (d, d) row-major, theta (d), core (d) bytes: kept by the caller for the life of this object.
  void reset(int64_t d, const double* cov, const double* theta, double noise_std, const uint8_t* core,
             Attack attack);

  // eps (k): finite, >= 0, any order.
  void solve(int64_t k, const double* eps, const Answers& out);

  double critical() const;      // smallest eps whose optimum is 0
  double plateau();             // up to here a noise-free problem keeps its interpolator; 0 with noise
  double onset();               // smallest eps from which spurious weight is non-zero; inf if never
  std::vector<double> knots();  // ascending eps at which the active set changes; empty for kL2

 private:
  std::unique_ptr<State> state_;
};

// m problems of d features, k radii each: covs (m, d, d), thetas (m, d), noise_stds (m), core (d) or null,
// eps (m, k), answers (m, k, ...). Threads share the problems out; answers do not depend on how.
void solve_many(int64_t m, int64_t d, int64_t k, const double* covs, const double* thetas,
                const double* noise_stds, const uint8_t* core, const double* eps, Attack attack,
                const Answers& out, int threads);

}  // namespace advspur::theory
