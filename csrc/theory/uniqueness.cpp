#include "theory/uniqueness.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "theory/dense.h"
#include "theory/scan.h"

namespace advspur::theory {
namespace {
constexpr double kTied = 1e-9;  // how near to its limit a correlation counts as at it
}

void nonnegative_quadratic(int64_t n, const double* s, const double* h, double* y) {
  std::vector<int64_t> chosen;
  std::vector<double> factor, target;
  std::vector<uint8_t> refused(static_cast<size_t>(n), 0);
  std::fill_n(y, n, 0.0);
  for (int64_t round = 0; round < 10 * n + 10; ++round) {
    int64_t best = -1;
    double best_gain = 0;
    for (int64_t j = 0; j < n; ++j) {
      if (refused[j] || std::find(chosen.begin(), chosen.end(), j) != chosen.end()) continue;
      const double gain = h[j] - dense::dot(n, s + j * n, y);
      if (gain > 1e-12 * (std::abs(h[j]) + s[j * n + j]) && gain > best_gain) best = j, best_gain = gain;
    }
    if (best < 0) return;
    chosen.push_back(best);
    while (!chosen.empty()) {
      const auto k = static_cast<int64_t>(chosen.size());
      factor.resize(static_cast<size_t>(k * k));
      target.resize(static_cast<size_t>(k));
      for (int64_t a = 0; a < k; ++a) {
        for (int64_t b = 0; b < k; ++b) factor[a * k + b] = s[chosen[a] * n + chosen[b]];
        target[a] = h[chosen[a]];
      }
      if (dense::cholesky(k, factor.data(), k, 1e-13) != 0) {
        refused[chosen.back()] = 1;
        y[chosen.back()] = 0;
        chosen.pop_back();
        continue;
      }
      dense::solve_cholesky(k, factor.data(), k, target.data());
      double step = 1;
      for (int64_t a = 0; a < k; ++a) {
        if (target[a] <= 0) step = std::min(step, y[chosen[a]] / (y[chosen[a]] - target[a] + 1e-300));
      }
      for (int64_t a = 0; a < k; ++a) y[chosen[a]] += step * (target[a] - y[chosen[a]]);
      if (step == 1) break;
      for (int64_t a = k; a-- > 0;) {
        if (target[a] <= 0 && y[chosen[a]] <= 1e-14 * (best_gain + y[chosen[a]] - target[a])) {
          y[chosen[a]] = 0;
          if (chosen[a] == best && step == 0) refused[best] = 1;
          chosen.erase(chosen.begin() + a);
        }
      }
    }
  }
}

bool is_unique(Attack attack, const Gaussian& problem, const double* theta, const double* pull, double norm,
               double lambda, double spread) {
  if (attack == Attack::kL2 || norm <= 0) return true;
  // Another optimum differs by a null direction h of cov among the features that may move: those inside their
  // limits (free) and those at them whose multiplier is 0 (edge), which may move one way only.
  const int64_t d = problem.d;
  // nearly always: nobody is at the edge, and paths keep the free block regular
  if (attack == Attack::kLinf
          ? scan::largest_at_zero(d, theta, pull) < lambda * (1 - kTied)
          : scan::edge_excess(d, theta, pull, norm, problem.deviation, kTied * spread) == 0) {
    return true;
  }
  std::vector<int64_t> free, edge;
  std::vector<double> sign;
  for (int64_t j = 0; j < d; ++j) {
    if (attack == Attack::kLinf) {
      if (theta[j] != 0) {
        free.push_back(j);
      } else if (std::abs(pull[j]) >= lambda * (1 - kTied)) {
        edge.push_back(j), sign.push_back(pull[j] > 0 ? -1.0 : 1.0);
      }
    } else {
      const double outward = theta[j] > 0 ? 1.0 : -1.0;
      if (std::abs(theta[j]) < norm) {
        free.push_back(j);
      } else if (-outward * pull[j] <= kTied * spread * problem.deviation[j]) {
        edge.push_back(j), sign.push_back(-outward);
      }
    }
  }
  if (edge.empty()) return true;  // paths keep the free block regular
  const auto k = static_cast<int64_t>(free.size()), e = static_cast<int64_t>(edge.size()), n = k + e;
  std::vector<int64_t> all(free);
  all.insert(all.end(), edge.begin(), edge.end());
  std::vector<double> block(static_cast<size_t>(n * n));
  for (int64_t a = 0; a < n; ++a) {
    for (int64_t b = 0; b < n; ++b) block[a * n + b] = problem.cov[all[a] * d + all[b]];
  }
  std::vector<double> factor(block);
  if (dense::cholesky(n, factor.data(), n, 1e-12) == 0) return true;
  // signed Schur complement of the edge, scaled to unit variances; a null direction y >= 0 of it?
  if (dense::cholesky(k, block.data(), n, 1e-14) != 0) return false;
  std::vector<double> rows(block.begin() + k * n, block.end()), schur(static_cast<size_t>(e * e)),
      ones(e, 1.0), y(e);
  for (int64_t a = 0; a < e; ++a) dense::solve_lower(k, block.data(), n, rows.data() + a * n);
  for (int64_t a = 0; a < e; ++a) {
    for (int64_t b = 0; b < e; ++b) {
      const double scale = std::sqrt(problem.cov[edge[a] * d + edge[a]] * problem.cov[edge[b] * d + edge[b]]);
      const double left = rows[a * n + k + b] - dense::dot(k, rows.data() + a * n, rows.data() + b * n);
      schur[a * e + b] = (scale > 0 ? sign[a] * sign[b] * left / scale : 0.0) + 1.0;
    }
  }
  nonnegative_quadratic(e, schur.data(), ones.data(), y.data());
  double total = 0, energy = 0;
  for (int64_t a = 0; a < e; ++a) total += y[a];
  for (int64_t a = 0; a < e; ++a) energy += y[a] * (dense::dot(e, schur.data() + a * e, y.data()) - total);
  return energy > 1e-10 * total * total;
}

}  // namespace advspur::theory
