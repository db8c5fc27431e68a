// The same paths for features whose scales differ by large factors: lambda is the clock for both norms,
// weights are kept as their differences from theta*, and every number has 32 digits. Each step starts again
// from the pivot tableau, which has no rounding errors of one scale in the numbers of another. Small problems
// only.
#pragma once

#include <cstdint>
#include <vector>

#include "theory/piecewise_path.h"
#include "theory/polish.h"
#include "theory/twofold.h"

namespace advspur::theory {

class PrecisePath final : public PiecewisePath {
 public:
  // spread: l1 attack (q = inf), else l_inf (q = 1)
  void set_attack(bool spread) { spread_ = spread; }

  void reset(const Gaussian& problem) override;
  void extend(double eps) override;
  double emit(const Piece& piece, double eps, double* theta, double* error) const override;
  void weights(const Piece& piece, double lambda, double* theta) const override;
  void direction(const Piece& piece, double* v) const override;
  bool uses(const Piece& piece, int64_t j) const override;

  // The optimum at eps with its error and pull in 32 digits; returns lambda.
  double answer(const Piece& piece, double eps, Candidate& out) const;

  // theta at lambda = 0 and the line it is left by: see Candidate.
  void end(Candidate& out) const;

 private:
  // A face: theta = theta* + error - lambda v. At a bound (l1 attack) sign z, theta = z N; for l_inf the sign
  // of a member. The sign of the others is 0.
  struct Line {
    std::vector<Twofold> error, v;
    std::vector<signed char> sign;
    Twofold nu, tau;
  };
  struct Event {
    Twofold lambda;
    int64_t feature = -1;
    signed char sign = 0;
  };

  void begin(int attempt);
  void advance();
  void pivot(int64_t j);
  std::vector<Twofold> times_table(const std::vector<Twofold>& x) const;
  Line line(const std::vector<Twofold>& truth, std::vector<Twofold>& pull, Face& face, bool& fits) const;
  Event next_event(const Line& line, const std::vector<Twofold>& truth,
                   const std::vector<Twofold>& pull) const;
  Twofold weight(const Line& line, int64_t j, const Twofold& lambda) const;

  Gaussian p_;
  bool spread_ = false, lost_ = false;
  int attempt_ = 0;
  Twofold lambda_;
  std::vector<Twofold> table_;          // see tableau.h
  std::vector<Twofold> truth_, moved_;  // theta*, and the one whose events are followed
  std::vector<uint8_t> in_;             // l_inf: the support; l1: the free features
  std::vector<signed char> sign_;
  std::vector<Line> lines_;  // of the pieces
  int64_t last_event_ = -1;
};

}  // namespace advspur::theory
