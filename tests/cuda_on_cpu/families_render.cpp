// Render: all kinds of variants over sizes, strides, dtypes, layouts.
#include "advspur/render.h"
#include "check.h"

namespace check {
namespace {

struct Pick {
  VariantKind kind;
  Region region;
  float amount;
};
constexpr Pick kTable[] = {
    {VariantKind::kClean, Region::kEverywhere, 0},       {VariantKind::kNoiseStd, Region::kForeground, 0.25f},
    {VariantKind::kNoiseStd, Region::kEverywhere, 0.1f}, {VariantKind::kFill, Region::kBackground, 0.5f},
    {VariantKind::kSwap, Region::kBackground, 0},        {VariantKind::kSwap, Region::kEverywhere, 0},
    {VariantKind::kNoiseL2, Region::kBackground, 5.0f},  {VariantKind::kNoiseL2, Region::kForeground, 2.0f},
    {VariantKind::kNoiseL2, Region::kEverywhere, 3.0f}};
constexpr int kExact = 6;  // of the table: before l2 noise, whose norms are summed in another order

struct Setting {
  int64_t samples, height, width;
  bool as_bytes, last, strided;
  OutType type;
  size_t misalign;
  int variants;
};

template <class T>
void render_once(const Setting& s) {
  Dice dice;
  const int64_t pixels = s.height * s.width, gap = s.strided ? 7 : 0;
  const int64_t row = (s.as_bytes ? 3 : 1) * s.width + gap, plane = s.height * row + gap;
  const int64_t image = s.as_bytes ? s.height * row : 3 * plane;
  const size_t all = static_cast<size_t>(s.samples * image), shift = s.misalign;
  Both<uint8_t> bytes(dice.bytes(s.as_bytes ? 2 * all : 0), shift);
  Both<float> floats(dice.uniform(s.as_bytes ? 0 : 2 * all), shift);
  std::vector<uint8_t> area = dice.bytes(static_cast<size_t>(s.samples * s.height * (s.width + gap)));
  if (s.samples > 1)
    std::fill_n(area.begin(), s.height * (s.width + gap), uint8_t{0});  // an empty foreground
  Both<uint8_t> mask_bytes(area, shift);
  std::vector<float> soft;
  for (const uint8_t m : area) soft.push_back(static_cast<float>(m) / 255.0f);
  Both<float> mask_floats(soft, shift);
  std::vector<int64_t> names;
  for (int64_t i = 0; i < s.samples; ++i) names.push_back(i * 7919 - 3);
  Both<int64_t> ids(names);
  const int64_t parts = (pixels + kRenderPart - 1) / kRenderPart;
  const size_t values = static_cast<size_t>(s.samples * 3 * pixels);
  auto out = Both<T>::out(values * static_cast<size_t>(s.variants), shift);
  Both<uint8_t> empty(std::vector<uint8_t>(static_cast<size_t>(s.variants * s.samples), 0));
  auto scratch = Both<double>::out(static_cast<size_t>(s.samples * parts * 3));
  const auto make = [&](bool d) {
    RenderJob job{};
    job.n_samples = s.samples, job.height = s.height, job.width = s.width;
    const ImageView view{s.as_bytes ? static_cast<const void*>(bytes.at(d)) : floats.at(d),
                         s.as_bytes,
                         image,
                         s.as_bytes ? 1 : plane,
                         row,
                         s.as_bytes ? 3 : 1};
    job.images = job.partners = view;
    job.partners.data = s.as_bytes ? static_cast<const void*>(bytes.at(d) + all) : floats.at(d) + all;
    job.masks = {s.as_bytes ? static_cast<const void*>(mask_bytes.at(d)) : mask_floats.at(d), s.as_bytes,
                 s.height * (s.width + gap), s.width + gap, 1};
    job.ids = ids.at(d);
    job.variants.count = s.variants;
    for (int v = 0; v < s.variants; ++v) {
      job.variants.kind[v] = static_cast<int>(kTable[v].kind),
      job.variants.region[v] = static_cast<int>(kTable[v].region);
      job.variants.amount[v] = kTable[v].amount;
    }
    job.seed = 3, job.stream = 2;
    for (int c = 0; c < 3; ++c) job.mean[c] = 0.4f + 0.05f * c, job.scale[c] = 4.0f + c;
    job.out = out.at(d), job.out_type = s.type, job.channels_last = s.last;
    job.empty = reinterpret_cast<bool*>(empty.at(d)), job.scratch = scratch.at(d);
    return job;
  };
  what = "render " + std::to_string(s.samples) + "x" + std::to_string(s.height) + "x" +
         std::to_string(s.width) + (s.as_bytes ? " uint8" : " float") + " to " +
         std::to_string(8 * sizeof(T)) + " bits" + (s.last ? " NHWC" : " NCHW") +
         (s.strided ? " strided" : "") + (shift ? " unaligned" : "") + " " + std::to_string(s.variants) +
         " variants";
  cpu::render(make(false), 1);
  emulated::start_counting();
  cuda::render(make(true), nullptr);
  const double in = s.as_bytes ? 1 : 4, masks = s.variants > 1 ? in / 3 : 0,
               partners = s.variants > 4 ? in : 0;
  report(what, "value", double(values), in + masks + partners + double(sizeof(T)) * s.variants);
  empty.same("empty");
  const size_t exact = values * static_cast<size_t>(std::min(s.variants, kExact));
  const T* there = out.at(true);
  for (size_t i = 0; i < out.here.size(); ++i) {
    bool good = std::memcmp(&out.here[i], there + i, sizeof(T)) == 0;
    if constexpr (std::is_same_v<T, float>)
      good |= i >= exact && std::fabs(out.here[i] - there[i]) <= 1e-5f * 4;
    if constexpr (!std::is_same_v<T, float>)
      good |= i >= exact && std::abs(int(out.here[i]) - int(there[i])) <= 1;
    if (!good)
      std::fprintf(stderr, "%s, seed %u: value %zu differs\n", what.c_str(), emulated::machine.seed, i),
          std::exit(1);
  }
  emulated::give_all(emulated::Space::kGlobal);
}

}  // namespace

void check_render() {
  for (const auto& [height, width] : {std::pair{1, 1}, {3, 5}, {16, 16}, {33, 31}, {64, 68}}) {
    for (const bool as_bytes : {true, false}) {
      for (const bool last : {false, true}) {
        for (const OutType type : {OutType::kFloat32, OutType::kBFloat16, OutType::kFloat16}) {
          for (const bool odd : {false, true}) {
            const int64_t samples = height == 16 ? 3 : height == 1 ? 0 : 2;
            const Setting s{
                samples, height, width, as_bytes, last, odd, type, odd ? size_t{1} : 0, height == 64 ? 5 : 9};
            type == OutType::kFloat32 ? render_once<float>(s) : render_once<uint16_t>(s);
          }
        }
      }
    }
  }
  render_once<float>({1, 1, 1, true, true, false, OutType::kFloat32, 0, 9});
  render_once<uint16_t>({1, 32, 32, true, true, false, OutType::kBFloat16, 0, 1});
}

}  // namespace check
