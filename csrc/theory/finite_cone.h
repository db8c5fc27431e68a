// The constraint N >= ||t||_q inside the interior-point method: slacks, multipliers and their share of the
// Newton system.
#pragma once

#include <memory>

#include "theory/finite_problem.h"

namespace advspur::theory {

// Largest step that keeps w + step dw >= 0, at most `limit`.
double longest_step(const Vector& w, const Vector& dw, double limit);

// What a cone adds to the bordered system: e and own are overwritten, border_n is added to.
struct ConeTerms {
  Vector e;         // (d,) diagonal
  Vector border_n;  // (d,) column of N
  Vector own;       // (d,) column of the cone's own scalar, if it has one
  double nn = 0, n_own = 0, own_own = 0;
};

class NormCone {
 public:
  virtual ~NormCone() = default;
  // Slacks and multipliers for weights t and the multiplier lambda of N such that every product is mu;
  // returns N.
  virtual double start(const Vector& t, double lambda, double mu) = 0;
  virtual bool has_own() const = 0;
  virtual int degree() const = 0;  // number of products, weighted
  virtual void terms(ConeTerms& terms) = 0;
  // Right-hand sides for products that aim at `target`, with the second-order term of the last direction if
  // `correct`. pull: df/dN. r_t is added to; r_n and r_own are set.
  virtual void right_side(double target, bool correct, double pull, Vector& r_t, double& r_n,
                          double& r_own) = 0;
  // The direction that belongs to a solution (dt, dn, own) of the system.
  virtual void direction(const Vector& dt, double dn, double own) = 0;
  virtual double longest(double limit) const = 0;
  virtual double complementarity(double step) const = 0;  // sum of the products after a step
  virtual void advance(double step) = 0;
  virtual double norm(double updated) const { return updated; }  // N, from the slacks where they determine it
  virtual void add_multiplier(Vector& g) const = 0;              // g += the multiplier of t
  // Sets the weights that the multipliers show to be zero (q = 1) or at the bound (q = inf) to exactly that.
  virtual void round(Vector&) const {}
};

std::unique_ptr<NormCone> make_cone(Attack attack, int d, int rows);

}  // namespace advspur::theory
