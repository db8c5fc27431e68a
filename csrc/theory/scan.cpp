#include "theory/scan.h"

#include <cmath>

#include "theory/wide.h"

namespace advspur::theory::scan {
namespace {

ADVSPUR_HD Wide magnitude(Wide v) {
  return v < 0 ? -v : v;
}
ADVSPUR_HD Wide larger(Wide a, Wide b) {
  return a > b ? a : b;
}
ADVSPUR_HD double larger(double a, double b) {
  return a > b ? a : b;
}
ADVSPUR_HD double largest_lane(Wide v) {
  const double a = larger(larger(v[0], v[4]), larger(v[1], v[5]));
  return larger(a, larger(larger(v[2], v[6]), larger(v[3], v[7])));
}
ADVSPUR_HD double magnitude(double v) {
  return __builtin_fabs(v);
}

// Runs `step` over eight features at a time, then one at a time.
template <class Step>
ADVSPUR_HD void sweep(int64_t n, Step step) {
  int64_t i = 0;
  for (; i + kWide <= n; i += kWide) step(i, Wide{});
  for (; i < n; ++i) step(i, double{});
}
template <class T>
ADVSPUR_HD T get(const double* p) {
  if constexpr (sizeof(T) == sizeof(double)) {
    return *p;
  } else {
    return load(p);
  }
}
ADVSPUR_HD void put(double* p, double v) {
  *p = v;
}
ADVSPUR_HD void put(double* p, Wide v) {
  store(p, v);
}

// A sum or maximum over both kinds of step.
struct Total {
  Wide wide{};
  double rest = 0;
  ADVSPUR_HD void add(Wide v) { wide += v; }
  ADVSPUR_HD void add(double v) { rest += v; }
  ADVSPUR_HD void most(Wide v) { wide = larger(wide, v); }
  ADVSPUR_HD void most(double v) { rest = larger(rest, v); }
  ADVSPUR_HD double sum() const { return total(wide) + rest; }
  ADVSPUR_HD double largest() const { return larger(largest_lane(wide), rest); }
};

}  // namespace

ADVSPUR_CLONES Sizes sizes(int64_t n, const double* x) {
  Total sum, most;
  sweep(n, [&](int64_t i, auto kind) __attribute__((always_inline)) {
    const auto a = magnitude(get<decltype(kind)>(x + i));
    sum.add(a), most.most(a);
  });
  return {sum.sum(), most.largest()};
}

ADVSPUR_CLONES MaskedSizes masked_sizes(int64_t n, const double* x, const double* mask) {
  Total sum, masked, squares;
  sweep(n, [&](int64_t i, auto kind) __attribute__((always_inline)) {
    const auto v = get<decltype(kind)>(x + i), a = magnitude(v), m = a * get<decltype(kind)>(mask + i);
    sum.add(a), masked.add(m), squares.add(m * m);
  });
  return {sum.sum(), masked.sum(), squares.sum()};
}

ADVSPUR_CLONES double weighted_size(int64_t n, const double* weight, const double* x) {
  Total sum;
  sweep(n, [&](int64_t i, auto kind) __attribute__((always_inline)) {
    using T = decltype(kind);
    sum.add(get<T>(weight + i) * magnitude(get<T>(x + i)));
  });
  return sum.sum();
}

ADVSPUR_CLONES Doubt doubt(int64_t n, const double* deviation, const double* theta, const double* truth,
                           const double* error) {
  Total size, sum, most;
  sweep(n, [&](int64_t i, auto kind) __attribute__((always_inline)) {
    using T = decltype(kind);
    const T e = get<T>(error + i), a = magnitude((get<T>(theta + i) - get<T>(truth + i)) - e);
    size.add(get<T>(deviation + i) * magnitude(e)), sum.add(a), most.most(a);
  });
  return {size.sum(), sum.sum(), most.largest()};
}

ADVSPUR_CLONES double lasso_defect(int64_t n, const double* theta, const double* pull, double weight) {
  Total most;
  sweep(n, [&](int64_t i, auto kind) __attribute__((always_inline)) {
    const auto t = get<decltype(kind)>(theta + i), p = get<decltype(kind)>(pull + i);
    const auto at_zero = magnitude(p) - weight, up = magnitude(p + weight), down = magnitude(p - weight);
    most.most(t > 0 ? up : (t < 0 ? down : at_zero));
  });
  return most.largest();
}

ADVSPUR_CLONES double largest_at_zero(int64_t n, const double* theta, const double* pull) {
  Total most;
  sweep(n, [&](int64_t i, auto kind) __attribute__((always_inline)) {
    const auto t = get<decltype(kind)>(theta + i), p = magnitude(get<decltype(kind)>(pull + i));
    most.most(t == 0 ? p : p - p);
  });
  return most.largest();
}

ADVSPUR_CLONES double edge_excess(int64_t n, const double* theta, const double* pull, double top,
                                  const double* slack, double scale) {
  Total most;
  sweep(n, [&](int64_t i, auto kind) __attribute__((always_inline)) {
    const auto t = get<decltype(kind)>(theta + i), p = get<decltype(kind)>(pull + i);
    const auto against = (t < 0 ? -p : p) + get<decltype(kind)>(slack + i) * scale;
    most.most(magnitude(t) == top ? against : p - p);
  });
  return most.largest();
}

ADVSPUR_CLONES void correlations(int64_t n, const double* outside, const double* fixed, const double* moving,
                                 double lambda, double* out) {
  sweep(n, [&](int64_t i, auto kind) __attribute__((always_inline)) {
    using T = decltype(kind);
    put(out + i, get<T>(outside + i) * magnitude(get<T>(fixed + i) - lambda * get<T>(moving + i)));
  });
}

ADVSPUR_CLONES int64_t first_at_least(int64_t n, const double* x, int64_t from, double bound) {
  int64_t i = from;
  for (; i + 4 * kWide <= n; i += 4 * kWide) {
    const Wide a = larger(load(x + i), load(x + i + kWide)),
               b = larger(load(x + i + 2 * kWide), load(x + i + 3 * kWide));
    if (largest_lane(larger(a, b)) >= bound) break;
  }
  while (i < n && !(x[i] >= bound)) ++i;
  return i;
}

ADVSPUR_CLONES void add_magnitudes(int64_t n, const double* x, double* seen) {
  for (int64_t i = 0; i < n; ++i) seen[i] += magnitude(x[i]);
}

ADVSPUR_CLONES Fit lasso_fit(int64_t n, const double* outside, const double* theta, const double* fixed,
                             const double* deviation) {
  Total unexplained, out, all, most;
  sweep(n, [&](int64_t i, auto kind) __attribute__((always_inline)) {
    using T = decltype(kind);
    const T o = get<T>(outside + i), t = get<T>(theta + i), f = get<T>(fixed + i), s = get<T>(deviation + i);
    const T inside = (1.0 - o) * s * magnitude(f);
    unexplained.add(o * t * f), out.add(o * s * magnitude(t)), all.add(inside), most.most(inside);
  });
  return {unexplained.sum(), out.sum(), all.sum(), most.largest()};
}

ADVSPUR_CLONES void join_times(int64_t n, const double* outside, const double* fixed, const double* moving,
                               double* time) {
  sweep(n, [&](int64_t i, auto kind) __attribute__((always_inline)) {
    using T = decltype(kind);
    const T r = get<T>(fixed + i), m = get<T>(moving + i), none = m - m;
    const T tolerance = 1e-13 * (1.0 + magnitude(m)), plus = 1.0 + m, minus = 1.0 - m;
    const T up = plus > tolerance ? r / plus : none, down = minus > tolerance ? -r / minus : none;
    put(time + i, get<T>(outside + i) * larger(up, down));
  });
}

ADVSPUR_CLONES void leave_times(int64_t n, const double* sign, const double* fixed, const double* moving,
                                const double* floor, double* time) {
  sweep(n, [&](int64_t i, auto kind) __attribute__((always_inline)) {
    using T = decltype(kind);
    const T m = get<T>(moving + i), never = (m - m) + HUGE_VAL;
    put(time + i, get<T>(sign + i) * m > get<T>(floor + i) ? get<T>(fixed + i) / m : never);
  });
}

}  // namespace advspur::theory::scan
