// advspur-bench-pipeline: a folder of JPEGs -> decode -> resize and crop -> render, no model.
#include <benchmark/benchmark.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "advspur/render.h"
#include "advspur/resize.h"
#include "options.h"

namespace {

using namespace advspur;
using namespace advspur::bench;

constexpr char kUsage[] =
    "usage: advspur-bench-pipeline [--threads N] [--batch N] [--side N] [--json] FOLDER\n"
    "Every .jpg, .jpeg and .JPEG below FOLDER is decoded, resized so that its shorter side is 8/7 of --side, "
    "cut at the\n"
    "centre, and shown in three variants (clean, noise on either half). Files are read into memory "
    "beforehand.\n"
    "Before timing, the resized images are compared with a resize in double, and clean variants with them.\n";

using Bytes = std::vector<unsigned char>;

std::vector<Bytes> read_folder(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    std::string kind = entry.path().extension().string();
    std::transform(kind.begin(), kind.end(), kind.begin(), [](unsigned char c) { return std::tolower(c); });
    if (kind == ".jpg" || kind == ".jpeg") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> files;
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return files;
}

struct Picture {
  int width = 0, height = 0;
  Bytes rgb;
};

// One a thread: decoders keep buffers.
class Decoder {
 public:
  Decoder() : handle_(tjInitDecompress()) {}
  ~Decoder() { tjDestroy(handle_); }
  Decoder(const Decoder&) = delete;
  bool read(const Bytes& file, Picture& out) {
    int sampling, space;
    if (tjDecompressHeader3(handle_, file.data(), file.size(), &out.width, &out.height, &sampling, &space))
      return false;
    out.rgb.resize(static_cast<size_t>(out.width) * out.height * 3);
    return tjDecompress2(handle_, file.data(), file.size(), out.rgb.data(), out.width, 0, out.height,
                         TJPF_RGB, TJFLAG_ACCURATEDCT) == 0;
  }

 private:
  tjhandle handle_;
};

// Where the centre crop lies in the resized image (torchvision's rounding).
Resize geometry(const Picture& p, int64_t side, uint8_t* out) {
  const int64_t shorter = (side * 8 + 3) / 7;
  const bool tall = p.height > p.width;
  const int64_t longer = shorter * std::max(p.width, p.height) / std::min(p.width, p.height);
  const int64_t height = tall ? longer : shorter, width = tall ? shorter : longer;
  Resize job{};
  job.in = p.rgb.data(), job.stride = 3 * p.width, job.in_height = p.height, job.in_width = p.width,
  job.channels = 3;
  job.height = height, job.width = width, job.top = (height - side + 1) / 2,
  job.left = (width - side + 1) / 2;
  job.out_height = job.out_width = side, job.out = out, job.columns_first = false;
  return job;
}

struct Work {
  std::vector<Bytes> files;
  int64_t side;
  int threads;
  std::vector<uint8_t> images, masks;
  std::vector<int64_t> ids;
  std::vector<float> out;
  size_t size;  // of a batch

  Work(std::vector<Bytes> read, const Options& o)
      : files(std::move(read)),
        side(o.side),
        threads(o.threads),
        size(std::min<size_t>(o.batch, files.size())) {
    const size_t pixels = static_cast<size_t>(side * side);
    images.resize(size * pixels * 3), masks.assign(size * pixels, 0), ids.resize(size),
        out.resize(3 * size * 3 * pixels);
    for (size_t i = 0; i < masks.size(); ++i) masks[i] = i % pixels < pixels / 2 ? 255 : 0;
  }

  // Decodes and resizes a batch; returns how many files could not be read (their images stay as they were).
  int decode(size_t first) {
    int wrong = 0;
#pragma omp parallel num_threads(threads) reduction(+ : wrong)
    {
      Decoder decoder;
      Picture picture;
#pragma omp for schedule(dynamic)
      for (size_t i = 0; i < size; ++i) {
        ids[i] = static_cast<int64_t>((first + i) % files.size());
        if (decoder.read(files[ids[i]], picture))
          cpu::resize(geometry(picture, side, images.data() + i * side * side * 3), 1);
        else
          ++wrong;
      }
    }
    return wrong;
  }

  void render() {
    RenderJob job{};
    job.n_samples = static_cast<int64_t>(size), job.height = job.width = side;
    job.images = {images.data(), true, side * side * 3, 1, side * 3, 3};
    job.masks = {masks.data(), true, side * side, side, 1};
    job.ids = ids.data();
    const int noise = static_cast<int>(VariantKind::kNoiseStd);
    job.variants = {3,
                    {static_cast<int>(VariantKind::kClean), noise, noise},
                    {static_cast<int>(Region::kEverywhere), static_cast<int>(Region::kForeground),
                     static_cast<int>(Region::kBackground)},
                    {0.0f, 0.25f, 0.25f}};
    for (int c = 0; c < 3; ++c) job.scale[c] = 1;
    job.out = out.data();
    std::vector<uint8_t> flags(3 * size, 0);
    job.empty = reinterpret_cast<bool*>(flags.data());
    cpu::render(job, threads);
  }
};

// Triangle filter in double along one axis, rounded to 8 bits as between the two passes.
std::vector<double> weights(int64_t from, int64_t to, int64_t at, int64_t* first) {
  const double scale = static_cast<double>(from) / to, support = std::max(1.0, scale),
               centre = (at + 0.5) * scale;
  *first = std::max<int64_t>(0, static_cast<int64_t>(centre - support + 0.5));
  const int64_t end = std::min<int64_t>(from, static_cast<int64_t>(centre + support + 0.5));
  std::vector<double> w;
  double sum = 0;
  for (int64_t i = *first; i < end; ++i)
    w.push_back(std::max(0.0, 1 - std::fabs((i + 0.5 - centre) / support))), sum += w.back();
  for (double& value : w) value /= sum;
  return w;
}

void check(Work& work) {
  if (const int wrong = work.decode(0)) {
    std::fprintf(stderr, "%d of %zu files cannot be decoded\n", wrong, work.size);
    std::exit(1);
  }
  work.render();
  Decoder decoder;
  Picture p;
  decoder.read(work.files[0], p);
  const Resize job = geometry(p, work.side, nullptr);
  for (int64_t y = 0; y < work.side; y += 13) {
    int64_t top;
    const std::vector<double> rows = weights(p.height, job.height, job.top + y, &top);
    for (int64_t x = 0; x < work.side; x += 11) {
      int64_t left;
      const std::vector<double> columns = weights(p.width, job.width, job.left + x, &left);
      for (int c = 0; c < 3; ++c) {
        double value = 0;
        for (size_t r = 0; r < rows.size(); ++r) {
          double row = 0;
          for (size_t k = 0; k < columns.size(); ++k)
            row += columns[k] * p.rgb[((top + r) * p.width + left + k) * 3 + c];
          value += rows[r] * std::floor(row + 0.5);
        }
        const int got = work.images[(y * work.side + x) * 3 + c];
        const float shown = work.out[(c * work.side + y) * work.side + x];
        if (std::fabs(got - value) > 0.51 || std::fabs(shown - got / 255.0f) > 1e-6f) {
          std::fprintf(stderr, "pixel (%ld, %ld): %d, twin %f, shown as %f\n", static_cast<long>(y),
                       static_cast<long>(x), got, value, shown * 255);
          std::exit(1);
        }
      }
    }
  }
  std::fprintf(stderr, "pixels equal their twin\n");
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(&argc, argv, kUsage);
  if (options.rest.size() != 1 || !std::filesystem::is_directory(options.rest[0])) {
    std::fprintf(stderr, "takes one folder\n%s", kUsage);
    return 2;
  }
  std::vector<Bytes> files = read_folder(options.rest[0]);
  if (files.empty()) {
    std::fprintf(stderr, "no JPEG below %s\n", options.rest[0].c_str());
    return 2;
  }
  benchmark::AddCustomContext("threads", std::to_string(options.threads));
  benchmark::AddCustomContext("files", std::to_string(files.size()));
  benchmark::Initialize(&argc, argv);
  const auto work = std::make_shared<Work>(std::move(files), options);
  check(*work);
  const auto add = [&](const char* name, bool decode, bool render) {
    benchmark::RegisterBenchmark(name,
                                 [=](benchmark::State& state) {
                                   size_t first = 0;
                                   for (auto _ : state) {
                                     if (decode) work->decode(first), first += work->size;
                                     if (render) work->render();
                                   }
                                   state.counters["images/s"] =
                                       benchmark::Counter(static_cast<double>(work->size),
                                                          benchmark::Counter::kIsIterationInvariantRate);
                                 })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  };
  add("decode+resize+crop", true, false);
  add("render clean+fg+bg", false, true);
  add("decode+resize+crop+render", true, true);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
