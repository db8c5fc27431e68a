#include "cases.h"

#include <memory>

#include "advspur/memory.h"
#include "advspur/project.h"
#include "advspur/random.h"
#include "advspur/render.h"
#include "advspur/score.h"
#include "advspur/step.h"

namespace advspur::bench {
namespace {

template <class T>
using Buffer = std::shared_ptr<std::vector<T>>;

template <class T>
Buffer<T> filled(int64_t n, T value) {
  return std::make_shared<std::vector<T>>(static_cast<size_t>(n), value);
}

Buffer<int64_t> counting(int64_t n) {
  auto ids = filled<int64_t>(n, 0);
  for (int64_t i = 0; i < n; ++i) (*ids)[i] = i;
  return ids;
}

Buffer<float> drawn(Draw kind, int64_t samples, int64_t n, uint64_t seed) {
  auto out = filled<float>(samples * n, 0.0f);
  cpu::draw(kind, out->data(), counting(samples)->data(), samples, n, seed, 0, 1);
  return out;
}

}  // namespace

std::vector<Case> random_cases(Size size) {
  const int64_t n = 3 * size.side * size.side;
  auto out = filled<float>(size.batch * n, 0.0f);
  auto ids = counting(size.batch);
  const auto one = [=](const char* name, Draw kind) {
    return Case{name, 4.0 * size.batch * n, [=](int threads) {
                  cpu::draw(kind, out->data(), ids->data(), size.batch, n, 1, 0, threads);
                }};
  };
  return {one("draw uniform", Draw::kUniform), one("draw normal", Draw::kNormal)};
}

std::vector<Case> render_cases(Size size) {
  const int64_t side = size.side, pixels = side * side;
  auto images = filled<uint8_t>(size.batch * pixels * 3, 100);
  auto masks = filled<uint8_t>(size.batch * pixels, 0);
  for (int64_t i = 0; i < size.batch * pixels; i += 3) (*masks)[i] = 255;
  auto ids = counting(size.batch);
  auto out = filled<float>(3 * size.batch * 3 * pixels, 0.0f);
  auto scratch = filled<double>(size.batch * ((pixels + kRenderPart - 1) / kRenderPart) * 3, 0.0);
  auto empty = std::shared_ptr<bool[]>(new bool[3 * size.batch]());
  const auto one = [=](const char* name, VariantKind noise, float amount) {
    RenderJob job{};
    job.n_samples = size.batch, job.height = side, job.width = side;
    job.images = {images->data(), true, pixels * 3, 1, side * 3, 3};
    job.masks = {masks->data(), true, pixels, side, 1};
    job.ids = ids->data();
    job.variants = {3,
                    {0, static_cast<int>(noise), static_cast<int>(noise)},
                    {static_cast<int>(Region::kEverywhere), static_cast<int>(Region::kForeground),
                     static_cast<int>(Region::kBackground)},
                    {0.0f, amount, amount}};
    for (int c = 0; c < 3; ++c) job.mean[c] = 0.45f, job.scale[c] = 1.0f / 0.225f;
    job.out = out->data(), job.empty = empty.get(), job.scratch = scratch->data();
    const double bytes = static_cast<double>(size.batch) * pixels * (3 + 1 + 3 * 3 * 4);
    // the buffers are named in the capture so that they outlive this function
    return Case{name, bytes, [=](int threads) {
                  (void)images, (void)masks, (void)ids, (void)out, (void)scratch, (void)empty;
                  cpu::render(job, threads);
                }};
  };
  return {one("render clean+fg+bg, std", VariantKind::kNoiseStd, 0.25f),
          one("render clean+fg+bg, l2", VariantKind::kNoiseL2, 50.0f)};
}

std::vector<Case> step_cases(Size size) {
  const int64_t n = 3 * size.side * size.side;
  auto x0 = drawn(Draw::kUniform, size.batch, n, 1);
  auto x = std::make_shared<std::vector<float>>(*x0);
  auto grad = drawn(Draw::kNormal, size.batch, n, 2);
  auto moved = filled<uint8_t>(size.batch, 0);
  auto k = filled<int64_t>(size.batch, n / 20);
  const auto one = [=](const char* name, Norm norm, float eps) {
    auto radius = filled<float>(size.batch, eps), length = filled<float>(size.batch, eps / 4);
    const Step step{norm,           x->data(), x0->data(),    grad->data(), radius->data(),
                    length->data(), k->data(), moved->data(), Mask{},       {size.batch, n}};
    return Case{name, 16.0 * size.batch * n, [=](int threads) {
                  (void)x, (void)x0, (void)grad, (void)moved, (void)k, (void)radius, (void)length;
                  cpu::step(step, threads);
                }};
  };
  return {one("step linf", Norm::kLinf, 8.0f / 255), one("step l2", Norm::kL2, 3.0f),
          one("step l1", Norm::kL1, 60.0f)};
}

std::vector<Case> project_cases(Size size) {
  const int64_t n = 3 * size.side * size.side;
  auto x0 = drawn(Draw::kUniform, size.batch, n, 1);
  auto wanted = drawn(Draw::kNormal, size.batch, n, 3);
  auto delta = filled<float>(size.batch * n, 0.0f);
  const auto one = [=](const char* name, Norm norm, float eps) {
    auto radius = filled<float>(size.batch, eps);
    const Project job{norm, delta->data(), x0->data(), radius->data(), Mask{}, {size.batch, n}};
    return Case{name, 12.0 * size.batch * n, [=](int threads) {
                  (void)x0, (void)radius;
                  *delta = *wanted;  // projecting twice would be no work the second time
                  cpu::project(job, threads);
                }};
  };
  return {one("copy + project linf", Norm::kLinf, 8.0f / 255), one("copy + project l2", Norm::kL2, 3.0f),
          one("copy + project l1 and box", Norm::kL1, 60.0f)};
}

std::vector<Case> score_cases(Size size) {
  const int64_t rows = size.batch * 64, k = 1000;
  auto logits = drawn(Draw::kNormal, rows, k, 4);
  auto labels = filled<int64_t>(rows, 3);
  auto codes = filled<int32_t>(k, 0);
  for (int64_t i = 0; i < k; ++i) (*codes)[i] = static_cast<int32_t>(i);
  auto prediction = filled<int64_t>(rows, 0);
  auto probability = filled<float>(rows, 0.0f), margin = filled<float>(rows, 0.0f);
  auto correct = filled<uint8_t>(rows, 0);
  const Score job{LogitType::kFloat32,
                  logits->data(),
                  k,
                  labels->data(),
                  codes->data(),
                  prediction->data(),
                  probability->data(),
                  margin->data(),
                  correct->data(),
                  rows,
                  k};
  return {{"score 1000 classes", 4.0 * rows * k, [=](int threads) {
             (void)logits, (void)labels, (void)codes, (void)prediction, (void)probability, (void)margin,
                 (void)correct;
             cpu::score(job, threads);
           }}};
}

}  // namespace advspur::bench
