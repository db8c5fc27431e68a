// What is known of weights at a radius, and how far from optimal they can be: formulas (1) and (3) of
// docs/theory.md.
#pragma once

#include <cmath>
#include <cstdint>

#include "advspur/theory.h"
#include "theory/disagreement.h"
#include "theory/polish.h"
#include "theory/problem.h"

namespace advspur::theory {

struct Verdict {
  double risk, spread2, norm, multiplier, gap;  // spread2 = s^2, norm = N
  double defect_gap;      // the part of the gap that is no rounding error: what a better answer could remove
  double gap_per_defect;  // gap per unit by which cov (theta* - theta) misses lambda g
};

// Rounding errors of a sum of d products in doubles, per unit of the sum of magnitudes: rigorous up to 64
// terms, beyond that 4 standard deviations of errors that are independent (Higham & Mary 2019).
inline double sum_unit(int64_t d) {
  const auto n = static_cast<double>(d);
  return 1.12e-16 * (d <= 64 ? n + 8 : 4 * std::sqrt(n) + 8);
}

// error = theta - theta*, pull = cov error, all (d), rounded. The gap is an upper bound on |risk - min risk|
// at eps > 0, for the exact weights that theta and error are roundings of; it counts the rounding errors of
// pull, of which |cov_jk| <= deviation_j deviation_k bounds each, and what theta and error disagree by. rows:
// the attack's norm of the l2 norms of cov's rows, for a sharper bound; 0 if not known.
Verdict certify(Attack attack, const Gaussian& problem, double eps, const double* theta, const double* error,
                const double* pull, Disagreement& disagreement, double rows = 0);

// The same for an answer from polish.h, with its own rounding errors. reach: see reach.h; may be null.
Verdict certify_careful(Attack attack, const Gaussian& problem, double eps, const Candidate& at,
                        const double* reach);

// The same on the noise-free plateau, where s = 0, by duality, from the line by which it is left.
Verdict certify_plateau(Attack attack, const Gaussian& problem, double eps, const Candidate& at);

double dual_norm(Attack attack, int64_t d, const double* theta);

}  // namespace advspur::theory
