#include "advspur/loss.h"

#include <algorithm>

#include "case.h"

namespace advspur::bench {
namespace {

constexpr int64_t kClasses = 1000, kLabel = 3;

// Value and gradient of one row, in double.
double twin(LossKind kind, const float* z, std::vector<float>* grad) {
  const size_t k = kClasses;
  double mean = 0, spread = 0;
  for (size_t i = 0; i < k; ++i) mean += z[i] / static_cast<double>(k);
  for (size_t i = 0; i < k; ++i) spread += std::fabs(z[i] - mean) / static_cast<double>(k);
  if (kind == LossKind::kCrossEntropy) {
    double most = -1e30, mass = 0;
    for (size_t i = 0; i < k; ++i)
      if (i != kLabel) most = std::max(most, 3 * z[i] / spread);
    for (size_t i = 0; i < k; ++i)
      if (i != kLabel) mass += std::exp(3 * z[i] / spread - most);
    for (size_t i = 0; i < k; ++i)
      grad->push_back(static_cast<float>(
          i == kLabel ? -3 / spread : std::exp(3 * z[i] / spread - most) / mass * 3 / spread));
    return most + std::log(mass) - 3 * z[kLabel] / spread;
  }
  std::vector<size_t> order(k);
  for (size_t i = 0; i < k; ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return z[a] > z[b]; });
  const size_t rival = order[order[0] == kLabel ? 1 : 0];
  const double gap = (static_cast<double>(z[rival]) - z[kLabel]) / spread;
  const double scale =
      kind == LossKind::kMargin ? 1 : (static_cast<double>(z[order[0]]) - z[order[2]]) / spread;
  std::vector<double> slope(k, 0.0);
  slope[rival] += 1 / (spread * scale), slope[kLabel] -= 1 / (spread * scale);
  if (kind == LossKind::kDlr) {
    slope[order[0]] -= gap / scale / (spread * scale);
    slope[order[2]] += gap / scale / (spread * scale);
  }
  for (double value : slope) grad->push_back(static_cast<float>(value));
  return gap / scale;
}

Case one(const Setup& s, const char* name, LossKind kind) {
  const int64_t rows = s.batch * 64;
  Setup shape = s;
  shape.batch = rows, shape.side = 19;  // 1083 draws a row, of which 1000 are used
  const std::vector<float> drawn = normals(shape, 4);
  const int64_t stride = shape.values();
  const Array<float> logits(s.place, drawn), value(s.place, static_cast<size_t>(rows), 0),
      grad(s.place, static_cast<size_t>(rows * kClasses), 0);
  const Array<int64_t> label(s.place, static_cast<size_t>(rows), kLabel);
  const auto run = [=] {
    (void)logits, (void)label, (void)value, (void)grad;
    const Loss job{kind,         logits.data(), stride, label.data(), nullptr,
                   value.data(), grad.data(),   rows,   kClasses};
    if (s.place == Place::kCpu)
      cpu::loss(job, s.threads);
#ifdef ADVSPUR_HAS_CUDA
    else
      cuda::loss(job, nullptr);
#endif
  };
  const auto check = [=]() -> std::string {
    run();
    std::vector<double> values;
    std::vector<float> slopes;
    for (int64_t r = 0; r < rows; ++r) values.push_back(twin(kind, drawn.data() + r * stride, &slopes));
    const std::string wrong = differs(value.host(), values, 1e-5);
    return wrong.empty() ? differs(grad.host(), slopes, 1e-5) : wrong;
  };
  return {name, 8.0 * rows * kClasses, false, run, check};
}

}  // namespace

std::vector<Case> loss_cases(const Setup& s) {
  return {one(s, "loss/ce and gradient", LossKind::kCrossEntropy),
          one(s, "loss/margin and gradient", LossKind::kMargin),
          one(s, "loss/dlr and gradient", LossKind::kDlr)};
}

}  // namespace advspur::bench
