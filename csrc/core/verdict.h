// From a row's extremes and sums to its verdict.
#pragma once

#include <cmath>
#include <cstdint>

#include "advspur/score.h"
#include "core/macros.h"

namespace advspur {

struct RowSums {
  float own,
      other;  // best logit of the label's outputs, and of the other competing ones; -inf where there is none
  bool finite;            // all competing logits are
  double own_mass, mass;  // sums of exp(logit - best) over the label's outputs and over all competing ones
  int32_t winner;         // code of the first competing output with the best logit
};

ADVSPUR_HD void write_verdict(const Score& s, int64_t row, const RowSums& r) {
  const bool correct = r.finite && r.winner >= 0 && r.winner == s.labels[row];
  s.prediction[row] = r.finite ? r.winner : -2;
  s.probability[row] = r.finite ? static_cast<float>(r.own_mass / r.mass) : NAN;
  s.margin[row] = r.finite ? r.own - r.other : NAN;
  s.correct[row] = correct;
}

}  // namespace advspur
