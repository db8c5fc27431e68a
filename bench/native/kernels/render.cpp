#include "advspur/render.h"

#include "advspur/random.h"
#include "case.h"

namespace advspur::bench {
namespace {

constexpr uint64_t kSeed = 5;
constexpr uint32_t kStream = 3;
constexpr float kMean = 0.45f, kScale = 1.0f / 0.225f;

// Three variants: clean, noise on the foreground, noise on the background.
std::vector<float> twin(const Setup& s, const std::vector<uint8_t>& images, const std::vector<uint8_t>& masks,
                        VariantKind noise, float amount) {
  const int64_t pixels = s.side * s.side;
  const std::vector<int64_t> ids = counting(s.batch);
  std::vector<float> z(static_cast<size_t>(s.batch * 3 * pixels));
  cpu::draw(Draw::kNormal, z.data(), ids.data(), s.batch, 3 * pixels, kSeed, kStream, 1);
  std::vector<float> out(3 * z.size());
  for (int v = 0; v < 3; ++v) {
    for (int64_t b = 0; b < s.batch; ++b) {
      const auto weight = [&](int64_t p) {
        const double m = masks[b * pixels + p] / 255.0;
        return v == 0 ? 0.0 : v == 1 ? m : 1 - m;
      };
      double square = 0;
      for (int64_t e = 0; e < 3 * pixels; ++e)
        square += std::pow(weight(e % pixels) * z[b * 3 * pixels + e], 2);
      const double factor = noise == VariantKind::kNoiseStd ? amount
                            : square > 0                    ? amount / std::sqrt(square)
                                                            : 0;
      for (int64_t e = 0; e < 3 * pixels; ++e) {
        const double x = images[(b * pixels + e % pixels) * 3 + e / pixels] / 255.0;
        const double moved = x + factor * weight(e % pixels) * z[b * 3 * pixels + e];
        const double clamped = v == 0 ? x : std::min(1.0, std::max(0.0, moved));
        out[(v * s.batch + b) * 3 * pixels + e] = static_cast<float>((clamped - kMean) * kScale);
      }
    }
  }
  return out;
}

Case one(const Setup& s, const char* name, VariantKind noise, float amount) {
  const int64_t pixels = s.side * s.side;
  std::vector<uint8_t> image(static_cast<size_t>(s.batch * pixels * 3)),
      mask(static_cast<size_t>(s.batch * pixels));
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<uint8_t>((i * 37) % 251);
  for (size_t i = 0; i < mask.size(); ++i) mask[i] = i % 3 == 0 ? 255 : i % 7 == 0 ? 100 : 0;
  const Array<uint8_t> images(s.place, image), masks(s.place, mask);
  const Array<int64_t> ids(s.place, counting(s.batch));
  const Array<float> out(s.place, static_cast<size_t>(3 * s.batch * 3 * pixels), 0.0f);
  const Array<uint8_t> empty(s.place, static_cast<size_t>(3 * s.batch), 0);
  const size_t parts = static_cast<size_t>((pixels + kRenderPart - 1) / kRenderPart);
  const Array<double> scratch(s.place, static_cast<size_t>(s.batch) * parts * 3, 0.0);
  RenderJob job{};
  job.n_samples = s.batch, job.height = s.side, job.width = s.side;
  job.images = {images.data(), true, pixels * 3, 1, s.side * 3, 3};
  job.masks = {masks.data(), true, pixels, s.side, 1};
  job.ids = ids.data(), job.seed = kSeed, job.stream = kStream;
  const int kind = static_cast<int>(noise);
  job.variants = {3,
                  {static_cast<int>(VariantKind::kClean), kind, kind},
                  {static_cast<int>(Region::kEverywhere), static_cast<int>(Region::kForeground),
                   static_cast<int>(Region::kBackground)},
                  {0.0f, amount, amount}};
  for (int c = 0; c < 3; ++c) job.mean[c] = kMean, job.scale[c] = kScale;
  job.out = out.data(), job.empty = reinterpret_cast<bool*>(empty.data()), job.scratch = scratch.data();
  // the arrays are named so that they live as long as the case
  const auto run = [=] {
    (void)images, (void)masks, (void)ids, (void)out, (void)empty, (void)scratch;
    if (s.place == Place::kCpu)
      cpu::render(job, s.threads);
#ifdef ADVSPUR_HAS_CUDA
    else
      cuda::render(job, nullptr);
#endif
  };
  const auto check = [=] {
    run();
    return differs(out.host(), twin(s, image, mask, noise, amount), 3e-6);
  };
  return {name, static_cast<double>(s.batch) * pixels * (3 + 1 + 3 * 3 * 4), false, run, check};
}

Case clean(const Setup& s) {
  Case found = one(s, "render/clean", VariantKind::kFill, 0);  // same buffers, one variant
  const int64_t pixels = s.side * s.side;
  std::vector<uint8_t> image(static_cast<size_t>(s.batch * pixels * 3));
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<uint8_t>((i * 37) % 251);
  const Array<uint8_t> images(s.place, image);
  const Array<int64_t> ids(s.place, counting(s.batch));
  const Array<float> out(s.place, image.size(), 0.0f);
  const Array<uint8_t> empty(s.place, static_cast<size_t>(s.batch), 0);
  RenderJob job{};
  job.n_samples = s.batch, job.height = s.side, job.width = s.side;
  job.images = {images.data(), true, pixels * 3, 1, s.side * 3, 3};
  job.ids = ids.data();
  job.variants = {
      1, {static_cast<int>(VariantKind::kClean)}, {static_cast<int>(Region::kEverywhere)}, {0.0f}};
  for (int c = 0; c < 3; ++c) job.mean[c] = kMean, job.scale[c] = kScale;
  job.out = out.data(), job.empty = reinterpret_cast<bool*>(empty.data());
  found.run = [=] {
    (void)images, (void)ids, (void)out, (void)empty;
    if (s.place == Place::kCpu)
      cpu::render(job, s.threads);
#ifdef ADVSPUR_HAS_CUDA
    else
      cuda::render(job, nullptr);
#endif
  };
  const auto run = found.run;
  found.check = [=] {
    run();
    std::vector<float> expected(out.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      const int64_t b = static_cast<int64_t>(i) / (3 * pixels), e = static_cast<int64_t>(i) % (3 * pixels);
      expected[i] =
          static_cast<float>((image[(b * pixels + e % pixels) * 3 + e / pixels] / 255.0 - kMean) * kScale);
    }
    return differs(out.host(), expected, 1e-6);
  };
  found.bytes = static_cast<double>(s.batch) * pixels * 3 * (1 + 4);
  found.memory_bound = true;
  return found;
}

}  // namespace

std::vector<Case> render_cases(const Setup& s) {
  return {clean(s), one(s, "render/clean+fg+bg/std", VariantKind::kNoiseStd, 0.25f),
          one(s, "render/clean+fg+bg/l2", VariantKind::kNoiseL2, 0.2f * static_cast<float>(s.side))};
}

}  // namespace advspur::bench
