// How (cov + mu I) theta = b is solved for many mu: four bases, one per regime of size and conditioning.
#pragma once

#include <cstdint>
#include <vector>

#include "theory/problem.h"

namespace advspur::theory {

// Eigenvalues l_k > 0 of cov and w_k, the squared coordinates of b along their eigenvectors: all that the
// scalar equations need.
struct Measure {
  std::vector<double> value, weight2;
};

// theta and error = theta - theta* (up to null directions of cov), rows of d, for `count` values of mu > 0.
class RidgeBasis {
 public:
  virtual ~RidgeBasis() = default;
  virtual void weights(int64_t count, const double* mu, double* theta, double* error) = 0;
  Measure measure;
};

// Eigenvectors: Jacobi rotations for small d (accurate for graded covariances), LAPACK's dsyevd beyond. Null
// directions are left out.
class EigenBasis final : public RidgeBasis {
 public:
  static constexpr int64_t kJacobi = 64;

  void reset(const Gaussian& problem);
  void weights(int64_t count, const double* mu, double* theta, double* error) override;
  void interpolator(double* theta) const;  // mu = 0: the one of least norm
  void pull_back(double* v) const;         // cov^+ of the interpolator
  bool full_rank() const { return rank_ == d_; }

 private:
  int64_t d_ = 0, rank_ = 0;
  std::vector<double> rows_, pull_,
      coordinate_;  // orthogonal eigenvectors times sqrt(value); coordinates of b
};

// Tridiagonal form whose first coordinate is along theta*: half the work of eigenvectors, for full rank only.
class TridiagonalBasis final : public RidgeBasis {
 public:
  bool reset(const Gaussian& problem);  // false where the covariance is too ill-conditioned for it
  void weights(int64_t count, const double* mu, double* theta, double* error) override;
  double inverse_energy() const;  // theta*' cov^-1 theta*

 private:
  int64_t d_ = 0;
  const double* theta_ = nullptr;
  double length_ = 0, beta_ = 0;  // |theta*|; the reflection I - beta v v' that sends theta* to its axis
  std::vector<double> matrix_, diagonal_, off_, tau_, v_;
};

// The Krylov space of cov from theta*: a few dozen products with the covariance where it is well-conditioned.
class KrylovBasis final : public RidgeBasis {
 public:
  static constexpr int64_t kWorth = 256;  // features from which it is shorter than the tridiagonal form

  bool reset(const Gaussian& problem);  // false where that would take too many steps
  void weights(int64_t count, const double* mu, double* theta, double* error) override;
  double inverse_energy() const;  // theta*' cov^-1 theta*

 private:
  int64_t d_ = 0;
  const double* theta_ = nullptr;
  double length_ = 0;                             // |theta*|
  std::vector<double> vectors_, diagonal_, off_;  // orthonormal rows of d; cov in their coordinates
};

}  // namespace advspur::theory
