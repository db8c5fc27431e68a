// One radius of one prepared sample, and the steps that fit it.
#pragma once

#include "theory/finite_problem.h"

namespace advspur::theory {

constexpr double kMeanAbsNormal = 0.797884560802865355880;  // E|z|, z standard normal

struct FiniteTask {
  const FiniteSample& sample;
  Attack attack;
  double eps;
  const FiniteOptions& options;
  const Vector& xty;  // X'y
  double yy;          // y'y
  double critical_eps;
};

// Ridge regression, shrunk to where the plug-in risk along its ray is least: a start for every norm. gram:
// X'X, lower triangle, if there is one.
Point shrunk_ridge(const FiniteTask& task, const Vector* gram);

// Algorithm B. Most rows keep the sign of their residual from a good start to the optimum: those are
// collapsed into one quadratic, the rest solved as inequalities, and the signs checked.
void fit_screened(const FiniteTask& task, const Vector& gram, FiniteFit& fit);

// Algorithm A: every row an inequality.
void fit_full(const FiniteTask& task, FiniteFit& fit);

// Moves a point that nearly interpolates onto X t + b = y: support and bound weights stay what they are.
// Returns whether that was possible.
bool interpolate(const FiniteTask& task, Point& point);

// Takes a point over if it is better than the best so far, and the bound of its dual (alpha, beta).
void offer(const FiniteTask& task, const Point& point, const Vector& alpha, const Vector& beta,
           FiniteFit& fit);
// The same for a solver's result; its rounded form wins where that reaches the tolerance as well.
void offer(const FiniteTask& task, const InteriorResult& result, const Vector& alpha, const Vector& beta,
           FiniteFit& fit);

}  // namespace advspur::theory
