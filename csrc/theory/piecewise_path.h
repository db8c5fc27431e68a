// Paths that are piecewise linear: the attack norms l_inf (q = 1) and l1 (q = inf). Pieces run from the
// radius whose optimum is 0 downwards and are made as far as anyone asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "theory/problem.h"
#include "theory/scalar_solve.h"
#include "theory/tableau.h"

namespace advspur::theory {

struct Piece {
  double lambda_high, lambda_low, eps_high, eps_low;
  Face face;
  bool fits;             // at lambda = 0 it fits all that can be: u = theta* up to null directions
  int64_t first, count;  // its members, in the pools
};

class PiecewisePath {
 public:
  virtual ~PiecewisePath() = default;

  virtual void reset(const Gaussian& problem) = 0;
  virtual void extend(double eps) = 0;  // makes pieces until one reaches down to eps, or the path ends
  const Piece* find(double eps) const;  // the piece that holds eps; null where none could be made

  // Writes theta (d) and error = theta - theta* (d; up to null directions of cov) at eps inside `piece`;
  // returns lambda.
  virtual double emit(const Piece& piece, double eps, double* theta, double* error) const = 0;

  virtual void weights(const Piece& piece, double lambda, double* theta) const = 0;  // theta = u - lambda v

  // v of theta = u - lambda v inside the piece, (d).
  virtual void direction(const Piece& piece, double* v) const = 0;

  // Whether feature j has weight inside the piece.
  virtual bool uses(const Piece& piece, int64_t j) const = 0;

  const std::vector<Piece>& pieces() const { return pieces_; }
  virtual bool careful() const { return false; }  // whether refine_end() may help
  void refine_end(double tau);                    // a better tau = v' cov v of the last piece
  bool finished() const { return finished_; }     // the last piece ends at lambda = 0

 protected:
  bool finished_ = false;
  std::vector<Piece> pieces_;
};

// Paths followed in doubles, on a tableau that is brought up to date only where it is read.
class TablePath : public PiecewisePath {
 public:
  void reset(const Gaussian& problem) override;
  void extend(double eps) override;
  double emit(const Piece& piece, double eps, double* theta, double* error) const override;
  bool careful() const override { return careful_; }

 protected:
  virtual double clock(const Piece&, double lambda) const { return lambda; }  // what pool_v_ multiplies
  virtual void start() = 0;    // state at the radius whose optimum is 0
  virtual void advance() = 0;  // resolves the event at hand, adds a piece, finds the next event

  // Ties: who of ties_ moves when several may, or when a step has length 0. The one-sided derivative of the
  // path solves min 1/2 y'Sy - h'y, y >= 0 (0 <= y <= 2 if two_sided), S the tied block of the tableau:
  // Lawson & Hanson's method, each of its changes one pivot.
  void resolve_ties(bool two_sided);
  virtual double gain(int64_t j) const = 0;    // h - S y at j, at most 0 if within rounding errors
  virtual double amount(int64_t j) const = 0;  // y at a moved j, 0 if within rounding errors
  virtual void refresh_moving() = 0;
  virtual bool few_pivots() const { return false; }
  virtual void weigh_rounding() {}        // before amounts are asked after a pivot
  virtual void move(int64_t j) = 0;       // with column_ = column of j
  virtual void move_back(int64_t j) = 0;  // likewise

  void begin(const Gaussian& problem, bool may_care);
  int64_t next_to_move() const;

  // Corrects fixed_ or moving_, carried over many pivots, to its definition for the right-hand side y (d).
  void refresh(const double* y, std::vector<double>& carried);

  void refit();  // fixed_ and, for members, offset_ = fixed_ - theta* from the tableau and theta*: no
                 // cancellation between features of different scales
  void carry_pivot(int64_t j, bool in);  // pivots j on column_, right-hand sides and all
  void add_piece(double lambda_low, const Face& face, bool fits, int64_t first);

  // Rounding error of sum theta*_j (b - cov u)_j over the features outside, from their and the weights'
  // standard deviations: what is below it counts as fitted exactly.
  static double noise(double outside, double weights) { return 1e-14 * outside * weights; }

  Gaussian p_;
  Tableau tableau_;
  double lambda_ = 0;
  bool careful_ = false;  // small features matter (no noise, or scales apart): refit() at every step
  bool lost_ = false;     // rounding errors broke a careful path
  int64_t event_ = -1;    // the feature whose event ended the last piece
  std::vector<int32_t> pool_index_, members_;  // members_: the pivoted-in features
  std::vector<double> pool_u_, pool_v_,
      pool_error_;  // pool_error_: u - theta*, for lasso and p - theta* for spread
  std::vector<double> column_, sign_, outside_;  // outside_: 0 for members, 1 for the others
  std::vector<double> fixed_,
      moving_;  // right-hand sides of the tableau: theta[P] = fixed - (lambda or N) moving
  std::vector<double> previous_, offset_;
  std::vector<uint8_t> in_,
      blocked_;  // blocked_: depends on members_, or refused by rounding; until one of them leaves
  std::vector<int64_t> ties_, chosen_, leaving_;
};

class LassoPath final : public TablePath {  // l_inf attack, q = 1
 public:
  void weights(const Piece& piece, double lambda, double* theta) const override;
  void direction(const Piece& piece, double* v) const override;
  bool uses(const Piece& piece, int64_t j) const override;

 protected:
  void start() override;
  void advance() override;
  double gain(int64_t j) const override;
  double amount(int64_t j) const override;
  void move(int64_t j) override;
  void move_back(int64_t j) override;
  void refresh_moving() override;
  void weigh_rounding() override;
  bool few_pivots() const override { return true; }

 private:
  double moving_scale_ = 0;  // largest standard deviation times |moving_| among the members
};

class SpreadPath final : public TablePath {  // l1 attack, q = inf
 public:
  void weights(const Piece& piece, double lambda, double* theta) const override;
  void direction(const Piece& piece, double* v) const override;
  bool uses(const Piece& piece, int64_t j) const override;

 protected:
  void start() override;
  void advance() override;
  double gain(int64_t j) const override;
  double amount(int64_t j) const override;
  void move(int64_t j) override;
  void move_back(int64_t j) override;
  void refresh_moving() override;

 private:
  double clock(const Piece& piece, double lambda) const override { return piece.face.norm(lambda); }

  double norm_ = 0;                       // N, which grows along the path
  std::vector<double> rounding_, times_;  // rounding error of moving_ at the bound
  std::vector<signed char> pool_sign_;    // (pieces, d): sign at the bound, 0 where free
};

}  // namespace advspur::theory
