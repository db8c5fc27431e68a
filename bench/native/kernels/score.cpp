#include "advspur/score.h"

#include "case.h"

namespace advspur::bench {

std::vector<Case> score_cases(const Setup& s) {
  constexpr int64_t k = 1000;
  const int64_t rows = s.batch * 64;
  Setup shape = s;
  shape.batch = rows, shape.side = 19;  // 1083 draws a row, of which 1000 are used
  const std::vector<float> drawn = normals(shape, 4);
  const int64_t stride = shape.values();
  std::vector<int32_t> classes(k);
  for (int64_t i = 0; i < k; ++i) classes[i] = i % 11 == 0 ? -1 : static_cast<int32_t>(i % 40);
  const Array<float> logits(s.place, drawn);
  const Array<int64_t> labels(s.place, static_cast<size_t>(rows), 3),
      prediction(s.place, static_cast<size_t>(rows), 0);
  const Array<int32_t> codes(s.place, classes);
  const Array<float> probability(s.place, static_cast<size_t>(rows), 0),
      margin(s.place, static_cast<size_t>(rows), 0);
  const Array<uint8_t> correct(s.place, static_cast<size_t>(rows), 0);
  const Score job{LogitType::kFloat32,
                  logits.data(),
                  stride,
                  labels.data(),
                  codes.data(),
                  prediction.data(),
                  probability.data(),
                  margin.data(),
                  correct.data(),
                  rows,
                  k};
  const auto run = [=] {
    (void)logits, (void)labels, (void)prediction, (void)codes, (void)probability, (void)margin, (void)correct;
    if (s.place == Place::kCpu)
      cpu::score(job, s.threads);
#ifdef ADVSPUR_HAS_CUDA
    else
      cuda::score(job, nullptr);
#endif
  };
  const auto check = [=]() -> std::string {
    run();
    std::vector<int64_t> best(rows);
    std::vector<double> mass(rows), gap(rows);
    for (int64_t r = 0; r < rows; ++r) {
      const float* z = drawn.data() + r * stride;
      int64_t top = 0;
      double own = -1e30, other = -1e30, inside = 0, all = 0;
      for (int64_t i = 0; i < k; ++i) {
        if (z[i] > z[top]) top = i;
        double& side = classes[i] == 3 ? own : other;
        side = std::max(side, static_cast<double>(z[i]));
        all += std::exp(static_cast<double>(z[i]));
        if (classes[i] == 3) inside += std::exp(static_cast<double>(z[i]));
      }
      best[r] = classes[top], mass[r] = inside / all, gap[r] = own - other;
    }
    std::string wrong = differs(prediction.host(), best, 0);
    if (wrong.empty()) wrong = differs(probability.host(), mass, 1e-6);
    return wrong.empty() ? differs(margin.host(), gap, 1e-6) : wrong;
  };
  // on the CPU its exponentials take longer than its bytes
  return {{"score/1000 outputs", 4.0 * rows * k, s.place == Place::kCuda, run, check}};
}

}  // namespace advspur::bench
