#include "theory/disagreement.h"

#include <algorithm>
#include <cmath>

#include "theory/certificate.h"
#include "theory/polish.h"
#include "theory/scan.h"
#include "theory/twofold.h"

namespace advspur::theory {

double weight_length(Attack attack, int64_t d, const double* x) {
  return dual_norm(attack, d, x);
}

double pull_length(Attack attack, int64_t d, const double* x) {
  if (attack == Attack::kLinf) return scan::sizes(d, x).largest;
  if (attack == Attack::kL1) return scan::sizes(d, x).sum;
  return dual_norm(Attack::kL2, d, x);
}

double Disagreement::through_shift(Attack attack, double per_norm, double per_spread,
                                   double per_defect) const {
  if (shift_.empty()) return HUGE_VAL;
  std::vector<double> rest(found_);
  for (size_t j = 0; j < rest.size(); ++j) rest[j] -= shift_[j];
  return per_norm * weight_length(attack, static_cast<int64_t>(rest.size()), rest.data()) +
         per_spread * spread_ + per_defect * defect_;
}

double Disagreement::cost(Attack attack, const Gaussian& p, const double* theta, const double* error,
                          double per_norm, double per_spread, double per_defect, double tolerated) {
  found_.resize(static_cast<size_t>(p.d));
  for (int64_t j = 0; j < p.d; ++j) found_[j] = theta[j] - p.theta[j] - error[j];
  const double least = std::min(per_norm * weight_length(attack, p.d, found_.data()),
                                through_shift(attack, per_norm, per_spread, per_defect));
  if (least <= tolerated) return least;
  shift_ = found_;
  Candidate at;
  weigh(p, std::vector<Twofold>(shift_.begin(), shift_.end()), shift_, at);
  const double wide = scan::weighted_size(p.d, p.deviation, shift_.data());
  spread_ = std::sqrt(at.explained + at.unit * wide * wide);
  defect_ = pull_length(attack, p.d, at.pull.data()) * (1 + 1e-15 * static_cast<double>(p.d)) +
            at.unit * wide * p.deviation_length;
  return std::min(least, through_shift(attack, per_norm, per_spread, per_defect));
}

}  // namespace advspur::theory
