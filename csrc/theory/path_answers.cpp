// A block of radii: weights from the path, pulls by one product, certificates, and what is reported.
#include <algorithm>
#include <cmath>

#include "theory/blas.h"
#include "theory/cholesky_ridge.h"
#include "theory/dense.h"
#include "theory/fallback.h"
#include "theory/path_state.h"
#include "theory/polish.h"
#include "theory/reach.h"
#include "theory/scan.h"
#include "theory/uniqueness.h"

namespace advspur::theory {
namespace {
constexpr double kSharp = 1e-11;  // relative gap beyond which the fallback is asked, where polishing is cheap
constexpr double kTolerated = 1e-10;  // likewise elsewhere
constexpr double kUnsure = 1e-9;      // likewise with what rounding errors may hide
}  // namespace

// pull = error cov for `count` rows; only the features in which some row errs take part.
void Path::State::pulls(int64_t count) {
  const Gaussian& p = problem();
  const int64_t n = p.d;
  std::fill_n(pull.data(), count * n, 0.0);
  if (count <= 4) {
    for (int64_t i = 0; i < count; ++i)
      dense::add_rows(n, n, error.data() + i * n, p.cov, n, pull.data() + i * n);
    return;
  }
  if (attack == Attack::kL2 && has_blas() && n > 64) {
    const int features = static_cast<int>(n);
    blas::gemm('N', 'N', features, static_cast<int>(count), features, 1.0, p.cov, features, error.data(),
               features, 0.0, pull.data(), features);
    return;
  }
  if (n <= 64) {
    dense::add_product(count, n, n, 1.0, error.data(), 1, n, p.cov, n, pull.data(), n);
    return;
  }
  seen.assign(static_cast<size_t>(n), 0.0);
  for (int64_t i = 0; i < count; ++i) scan::add_magnitudes(n, error.data() + i * n, seen.data());
  used.clear();
  for (int64_t j = 0; j < n; ++j) {
    if (seen[j] != 0) used.push_back(j);
  }
  const auto k = static_cast<int64_t>(used.size());
  if (k > 3 * n / 4) {
    dense::add_product(count, n, n, 1.0, error.data(), 1, n, p.cov, n, pull.data(), n);
    return;
  }
  gathered.resize(static_cast<size_t>(k * n));
  packed.resize(static_cast<size_t>(k * count));
  for (int64_t a = 0; a < k; ++a) {
    std::copy_n(p.cov + used[a] * n, n, gathered.data() + a * n);
    for (int64_t i = 0; i < count; ++i) packed[a * count + i] = error[i * n + used[a]];
  }
  dense::add_product(count, n, k, 1.0, packed.data(), count, 1, gathered.data(), n, pull.data(), n);
}

bool Path::State::unique_at(const double* weights_row, const double* pull_row, const Verdict& verdict) {
  if (attack == Attack::kL1 && !reduced.everything() && verdict.norm > 0) {
    if (rest_singular < 0) rest_singular = reduced.rest_is_singular();
    if (rest_singular) return false;
  }
  return is_unique(attack, problem(), weights_row, pull_row, verdict.norm, verdict.multiplier,
                   std::sqrt(verdict.spread2));
}

void Path::State::report_full(int64_t i, const double* full, const Answers& out) const {
  const scan::MaskedSizes size = scan::masked_sizes(d, full, spurious.data());
  if (out.spurious_share) out.spurious_share[i] = size.sum > 0 ? size.masked_sum / size.sum : 0.0;
  if (out.spurious_weight) out.spurious_weight[i] = std::sqrt(size.masked_squares);
  if (out.theta) std::copy_n(full, d, out.theta + i * d);
}

void Path::State::report(int64_t i, double, const double* w, const Verdict& verdict, bool unique,
                         const Answers& out) const {
  if (out.risk) out.risk[i] = verdict.risk;
  if (out.standard_risk) out.standard_risk[i] = verdict.spread2;
  if (out.multiplier) out.multiplier[i] = verdict.multiplier;
  if (out.gap) out.gap[i] = verdict.gap;
  if (out.unique) out.unique[i] = unique;
  if (reduced.everything()) {
    report_full(i, w, out);
    return;
  }
  thread_local std::vector<double> full;
  full.assign(static_cast<size_t>(d), 0.0);
  for (size_t a = 0; a < reduced.kept().size(); ++a) full[reduced.kept()[a]] = w[a];
  report_full(i, full.data(), out);
}

// Weights and errors of the block's radii beyond the plateau; they descend.
void Path::State::solve_ridge(int64_t count, const int64_t* index, const double* eps) {
  const Gaussian& p = problem();
  ridge_plateau = 0;
  if (!ridge_ready && count <= CholeskyRidge::kFew && CholeskyRidge::worth(p) &&
      !(ridge_ready = ridge.reset(p, critical, true))) {
    CholeskyRidge single;
    bool solved = true;
    for (int64_t i = 0; i < count && solved; ++i) {
      solved = single.solve(p, critical, eps[index[i]], weights.data() + i * p.d, error.data() + i * p.d);
    }
    if (solved) return;
  }
  ridge_plateau = ridge_path().plateau();
  double radii[kBlock];
  int64_t beyond = 0;
  while (beyond < count && eps[index[beyond]] > ridge_plateau) radii[beyond] = eps[index[beyond]], ++beyond;
  ridge.weights(beyond, radii, weights.data(), error.data());
}

// Sharper bounds on rounding errors, for O(d^2).
double Path::State::rows() {
  if (row_length > 0) return row_length;
  const Gaussian& p = problem();
  std::vector<double> length(static_cast<size_t>(p.d));
  for (int64_t j = 0; j < p.d; ++j) length[j] = std::sqrt(dense::dot(p.d, p.cov + j * p.d, p.cov + j * p.d));
  return row_length = pull_length(attack, p.d, length.data());
}

Verdict Path::State::judge(const Candidate& at, double eps) {
  const Gaussian& p = problem();
  const Verdict plain = certify_careful(attack, p, eps, at, nullptr);
  if (plain.gap <= kSharp * plain.risk) return plain;
  if (reach.empty()) reaches(p, reach);
  return certify_careful(attack, p, eps, at, reach.data());
}

Verdict Path::State::answer_precise(double eps, double* row, double* lean, double* back, bool& on_plateau) {
  const Gaussian& p = problem();
  if (!precise_ready) precise.reset(p);
  precise_ready = true;
  precise.extend(eps);
  Verdict unknown{};
  unknown.gap = HUGE_VAL;
  const Piece* piece = precise.find(eps);
  if (piece == nullptr) return unknown;
  Candidate at;
  on_plateau = !(precise.answer(*piece, eps, at) > 0);
  if (on_plateau) precise.end(at);
  const Verdict verdict = on_plateau ? certify_plateau(attack, p, eps, at) : judge(at, eps);
  std::copy(at.theta.begin(), at.theta.end(), row);
  std::copy(at.error.begin(), at.error.end(), lean);
  std::copy(at.pull.begin(), at.pull.end(), back);
  if (on_plateau) plateau = at.theta, direction = at.direction, gradient = at.gradient, end = at;
  return verdict;
}

void Path::State::answer_block(int64_t count, const int64_t* index, const double* eps, const Answers& out) {
  const Gaussian& p = problem();
  const int64_t n = p.d;
  enum : uint8_t { kSolved, kPlateau, kMissing };
  uint8_t kind[kBlock];
  if (attack == Attack::kL2) solve_ridge(count, index, eps);
  for (int64_t i = 0; i < count; ++i) {
    const double e = eps[index[i]];
    double *row = weights.data() + i * n, *lean = error.data() + i * n;
    kind[i] = kSolved;
    if (attack == Attack::kL2) {
      if (e <= ridge_plateau) kind[i] = kPlateau;
    } else if (const Piece* piece = pieces->find(e)) {
      if (pieces->emit(*piece, e, row, lean) <= 0) kind[i] = kPlateau;
    } else {
      kind[i] = kMissing;
      std::fill_n(row, n, 0.0);
      for (int64_t j = 0; j < n; ++j) lean[j] = -p.theta[j];
    }
    if (kind[i] == kPlateau) {
      if (plateau.empty()) make_plateau();
      std::copy_n(plateau.data(), n, row);
      std::fill_n(lean, n, 0.0);
    }
  }
  pulls(count);
  for (int64_t i = 0; i < count; ++i) {
    const double e = eps[index[i]];
    double *row = weights.data() + i * n, *lean = error.data() + i * n, *back = pull.data() + i * n;
    const double tolerated = n <= kTwofold ? kSharp : kTolerated;
    Verdict verdict{};
    const auto clean = [&] {
      return verdict.defect_gap <= tolerated * verdict.risk && verdict.gap <= kUnsure * verdict.risk;
    };
    bool on_plateau = kind[i] == kPlateau;
    if (on_plateau) {
      verdict = certify_plateau(attack, p, e, end);
    } else if (kind[i] == kSolved && pieces == &precise) {
      verdict = answer_precise(e, row, lean, back, on_plateau);
    } else {
      verdict = certify(attack, p, e, row, lean, back, disagreement);
    }
    if (!on_plateau && !clean() && n > kTwofold && pieces != &precise)
      verdict = certify(attack, p, e, row, lean, back, disagreement, rows());
    if (!on_plateau && !clean())
      fall_back(attack, p, e, row, lean, back, attack == Attack::kL2 && ridge_ready ? ridge.mu(i) : 0.0,
                reach, verdict);
    if (!(verdict.gap <= kUnsure * verdict.risk) && n <= kExtended && pieces != nullptr &&
        pieces != &precise) {
      const std::vector<double> before(row, row + n), leant(lean, lean + n), pulled(back, back + n);
      bool there = false;
      const Verdict better = answer_precise(e, row, lean, back, there);
      if (better.gap < verdict.gap) {
        verdict = better, on_plateau = there;
      } else {
        std::copy_n(before.data(), n, row), std::copy_n(leant.data(), n, lean),
            std::copy_n(pulled.data(), n, back);
      }
    }
    if (out.unique != nullptr || out.risk != nullptr) {
      bool unique = true;
      if (out.unique != nullptr) {
        if (on_plateau && attack != Attack::kL2) {
          // the multipliers of the plateau, per unit of lambda
          for (int64_t j = 0; j < n; ++j) back[j] = -gradient[j];
          Verdict at = verdict;
          at.multiplier = 1;
          at.spread2 = dense::dot(n, direction.data(), gradient.data());
          unique = unique_at(row, back, at);
        } else {
          unique = unique_at(row, back, verdict);
        }
      }
      report(index[i], e, row, verdict, unique, out);
    }
  }
}

}  // namespace advspur::theory
