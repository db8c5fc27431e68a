// The front of the paths: kept buffers, radii that need no search, and the others in descending blocks.
#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>

#include "advspur/theory.h"
#include "theory/certificate.h"
#include "theory/path_state.h"
#include "theory/uniqueness.h"

namespace advspur::theory {
namespace {
// The buffers of the last path that ended are kept for the next one: fresh pages cost more than a small path.
constexpr int64_t kKept = 1024;  // features
struct Kept {
  std::mutex mutex;
  std::unique_ptr<Path::State> state;
};
Kept& kept() {
  static Kept* one = new Kept;  // never destroyed: paths may end after it would be
  return *one;
}
}  // namespace

Path::Path() {
  {
    const std::lock_guard<std::mutex> guard(kept().mutex);
    state_ = std::move(kept().state);
  }
  if (!state_) state_.reset(new State);
}

Path::~Path() {
  if (state_->d > kKept) return;
  const std::lock_guard<std::mutex> guard(kept().mutex);
  std::swap(kept().state, state_);
}

void Path::reset(int64_t d, const double* cov, const double* theta, double noise_std, const uint8_t* core,
                 Attack attack) {
  State& s = *state_;
  s.d = d, s.cov = cov, s.theta = theta, s.noise_std = noise_std, s.core = core, s.attack = attack;
  s.reset();
}

void Path::solve(int64_t k, const double* eps, const Answers& out) {
  State& s = *state_;
  const Gaussian& p = s.problem();
  s.order.clear();
  for (int64_t i = 0; i < k; ++i) {
    if (eps[i] > 0 && eps[i] < s.critical) {
      s.order.push_back(i);
      continue;
    }
    // no radius, or one that no weight is worth: the true weights, or none
    const bool none = eps[i] > 0;
    Verdict v{};
    v.risk = none ? p.explained + p.noise_variance : p.noise_variance;
    v.spread2 = v.risk;
    v.multiplier = none ? multiplier(eps[i], std::sqrt(v.risk), 0) : 0.0;
    bool unique = true;
    if (!none) {
      if (s.singular < 0 && out.unique) s.singular = is_singular(s.d, s.cov);
      unique = s.singular == 0;
    }
    std::vector<double> zeros;
    if (none) zeros.assign(static_cast<size_t>(s.d), 0.0);
    if (out.risk) out.risk[i] = v.risk;
    if (out.standard_risk) out.standard_risk[i] = v.spread2;
    if (out.multiplier) out.multiplier[i] = v.multiplier;
    if (out.gap) out.gap[i] = 0;
    if (out.unique) out.unique[i] = unique;
    s.report_full(i, none ? zeros.data() : s.theta, out);
  }
  if (s.order.empty()) return;
  std::sort(s.order.begin(), s.order.end(), [eps](int64_t a, int64_t b) { return eps[a] > eps[b]; });
  if (s.pieces) s.extend(eps[s.order.back()]);
  const auto total = static_cast<int64_t>(s.order.size());
  const auto room = static_cast<size_t>(std::min(total, kBlock) * p.d);
  if (s.weights.size() < room) s.weights.resize(room), s.error.resize(room), s.pull.resize(room);
  for (int64_t at = 0; at < total; at += kBlock) {
    s.answer_block(std::min(kBlock, total - at), s.order.data() + at, eps, out);
  }
}

}  // namespace advspur::theory
