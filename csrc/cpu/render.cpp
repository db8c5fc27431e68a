#include "advspur/render.h"

#include <algorithm>
#include <cstring>

#include "core/pixel.h"
#include "cpu/random_tile.h"
#include "cpu/render_tile.h"

namespace advspur::cpu {
namespace {

constexpr int64_t kStreamFrom = int64_t{8} << 20;  // bytes of output above which the caches are passed by

static_assert(kRenderPart % kTilePixels == 0, "a part is a whole number of tiles");

// What one thread needs for one tile: about 40 KiB, reused for every tile.
struct Workspace {
  alignas(64) float x[3 * kTilePixels];
  alignas(64) float partner[3 * kTilePixels];
  alignas(64) float z[3][kTilePixels + 4 * kBlockGroup];
  alignas(64) float m[kTilePixels], rest[kTilePixels], ones[kTilePixels], zeros[kTilePixels],
      value[kTilePixels];
  alignas(64) float y[3 * kTilePixels];
  alignas(64) char out[3 * kTilePixels * sizeof(float)];
  const float* noise[3];  // the tile's noise, a channel each

  Workspace() {
    std::fill(ones, ones + kTilePixels, 1.0f);
    std::fill(zeros, zeros + kTilePixels, 0.0f);
  }
};

// Pixels [start, start + n) of one plane with arbitrary strides, in pieces that lie in one row.
template <class T>
void load_strided(float* out, const T* data, int64_t row, int64_t column, int64_t width, int64_t start,
                  int n) {
  for (int done = 0; done < n;) {
    const int64_t h = (start + done) / width, w = (start + done) % width;
    const int piece = static_cast<int>(std::min<int64_t>(n - done, width - w));
    const T* from = data + h * row + w * column;
    for (int i = 0; i < piece; ++i) {
      if constexpr (sizeof(T) == 1) {
        out[done + i] = byte_to_unit(from[i * column]);
      } else {
        out[done + i] = from[i * column];
      }
    }
    done += piece;
  }
}

void load_image(float* planes, const ImageView& v, int64_t sample, int64_t width, int64_t start, int n) {
  const bool dense = v.row == width * v.column;  // rows follow one another: the plane is one long row
  if (v.bytes) {
    const uint8_t* data = static_cast<const uint8_t*>(v.data) + sample * v.batch;
    if (dense && v.column == 3 && v.channel == 1) {
      bytes_to_planes(planes, data + 3 * start, n);
      // The next tile is needed only after a while of arithmetic, too long for the processor to look ahead.
      for (int i = 0; i < 3 * kTilePixels; i += 64) __builtin_prefetch(data + 3 * (start + n) + i);
      return;
    }
    for (int c = 0; c < 3; ++c) {
      load_strided(planes + c * kTilePixels, data + c * v.channel, v.row, v.column, width, start, n);
    }
    return;
  }
  const float* data = static_cast<const float*>(v.data) + sample * v.batch;
  for (int c = 0; c < 3; ++c) {
    float* plane = planes + c * kTilePixels;
    if (dense && v.column == 1) {
      memcpy(plane, data + c * v.channel + start, sizeof(float) * n);
    } else {
      load_strided(plane, data + c * v.channel, v.row, v.column, width, start, n);
    }
  }
}

void load_mask(float* m, const MaskView& v, int64_t sample, int64_t width, int64_t start, int n) {
  const bool dense = v.row == width && v.column == 1;
  if (v.bytes) {
    const uint8_t* data = static_cast<const uint8_t*>(v.data) + sample * v.batch;
    if (dense) {
      bytes_to_units(m, data + start, n);
    } else {
      load_strided(m, data, v.row, v.column, width, start, n);
    }
  } else {
    load_strided(m, static_cast<const float*>(v.data) + sample * v.batch, v.row, v.column, width, start, n);
  }
}

// What a job asks for, found once.
struct Needs {
  bool noise = false, norms = false, masks = false;

  explicit Needs(const RenderJob& job) {
    for (int v = 0; v < job.variants.count; ++v) {
      const auto kind = static_cast<VariantKind>(job.variants.kind[v]);
      norms |= kind == VariantKind::kNoiseL2;
      noise |= kind == VariantKind::kNoiseStd || kind == VariantKind::kNoiseL2;
      masks |= kind != VariantKind::kClean && job.variants.region[v] != static_cast<int>(Region::kEverywhere);
    }
  }
};

struct Renderer {
  const RenderJob& job;
  const Needs needs;
  const int64_t pixels, parts;
  const bool streaming;

  explicit Renderer(const RenderJob& j)
      : job(j),
        needs(j),
        pixels(j.height * j.width),
        parts((pixels + kRenderPart - 1) / kRenderPart),
        streaming(element_size() * 3 * pixels * j.n_samples * j.variants.count >= kStreamFrom) {}

  int64_t element_size() const { return job.out_type == OutType::kFloat32 ? 4 : 2; }

  void load_regions(Workspace& s, int64_t sample, int64_t start, int n) const {
    if (needs.masks) {
      load_mask(s.m, job.masks, sample, job.width, start, n);
      one_minus(s.rest, s.m, n);
    }
  }

  // Noise is numbered in C order of (3, H, W); a tile may start inside a block of four.
  void draw_noise(Workspace& s, int c, int64_t sample, int64_t start, int n) const {
    const uint64_t id = static_cast<uint64_t>(job.ids[sample]);
    const int64_t element = c * pixels + start;
    const int offset = static_cast<int>(element % 4);
    normal_tile(s.z[c], job.seed, id, job.stream, static_cast<uint32_t>(element / 4), (offset + n + 3) / 4);
    s.noise[c] = s.z[c] + offset;
  }

  void sum_part(Workspace& s, int64_t sample, int64_t part) const {
    double sums[3] = {0.0, 0.0, 0.0};
    const int64_t stop = std::min(pixels, (part + 1) * kRenderPart);
    for (int64_t start = part * kRenderPart; start < stop; start += kTilePixels) {
      const int n = static_cast<int>(std::min<int64_t>(kTilePixels, stop - start));
      load_regions(s, sample, start, n);
      const float* m = needs.masks ? s.m : s.zeros;
      const float* rest = needs.masks ? s.rest : s.zeros;
      for (int c = 0; c < 3; ++c) {
        draw_noise(s, c, sample, start, n);
        add_squares(sums, m, rest, s.noise[c], n);
      }
    }
    std::copy(sums, sums + 3, job.scratch + (sample * parts + part) * 3);
  }

  // Noise amounts of a sample; where l2 noise meets an empty region, 0, and it is noted.
  void find_amounts(float* amount, int64_t sample, bool note) const {
    double total[3] = {0.0, 0.0, 0.0};
    if (needs.norms) {
      for (int64_t part = 0; part < parts; ++part) {
        for (int r = 0; r < 3; ++r) total[r] += job.scratch[(sample * parts + part) * 3 + r];
      }
    }
    for (int v = 0; v < job.variants.count; ++v) {
      amount[v] = job.variants.amount[v];
      if (static_cast<VariantKind>(job.variants.kind[v]) == VariantKind::kNoiseL2) {
        const double squared = total[job.variants.region[v]];
        amount[v] = l2_factor(amount[v], squared);
        if (note) job.empty[v * job.n_samples + sample] = !(squared > 0.0);
      }
    }
  }

  // One channel of one variant, all but finish_row.
  void make_row(Workspace& s, float* y, int v, int c, float amount, int n) const {
    const float* x = s.x + c * kTilePixels;
    const float* weights[3] = {s.m, s.rest, s.ones};
    const float* rests[3] = {s.rest, s.m, s.zeros};
    const float* weight = weights[job.variants.region[v]];
    const float* rest = rests[job.variants.region[v]];
    switch (static_cast<VariantKind>(job.variants.kind[v])) {
      case VariantKind::kClean:
        clean_row(y, x, n);
        break;
      case VariantKind::kNoiseStd:
      case VariantKind::kNoiseL2:
        noise_row(y, x, weight, s.noise[c], amount, n);
        break;
      case VariantKind::kFill:
        std::fill(s.value, s.value + n, amount);
        blend_row(y, x, rest, s.value, weight, n);
        break;
      case VariantKind::kSwap:
        blend_row(y, x, rest, s.partner + c * kTilePixels, weight, n);
        break;
    }
  }

  void write(int64_t element, const void* from, int64_t count) const {
    char* to = static_cast<char*>(job.out) + element * element_size();
    if (streaming) {
      stream_out(to, from, count * element_size());
    } else {
      memcpy(to, from, count * element_size());
    }
  }

  void render_tile(Workspace& s, const float* amount, int64_t sample, int64_t start, int n) const {
    load_image(s.x, job.images, sample, job.width, start, n);
    if (job.partners.data) load_image(s.partner, job.partners, sample, job.width, start, n);
    load_regions(s, sample, start, n);
    if (job.channels_last) {
      if (needs.noise) {
        for (int c = 0; c < 3; ++c) draw_noise(s, c, sample, start, n);
      }
      for (int v = 0; v < job.variants.count; ++v) {
        for (int c = 0; c < 3; ++c) {
          make_row(s, s.y + c * kTilePixels, v, c, amount[v], n);
          finish_row(s.y + c * kTilePixels, job.mean[c], job.scale[c], n);
        }
        cast_interleaved(s.out, s.y, job.out_type, n);
        write(((v * job.n_samples + sample) * pixels + start) * 3, s.out, 3 * n);
      }
      return;
    }
    // Channel by channel, so that short bursts of stores drain while the next noise is drawn.
    for (int c = 0; c < 3; ++c) {
      if (needs.noise) draw_noise(s, c, sample, start, n);
      for (int v = 0; v < job.variants.count; ++v) {
        const int64_t element = ((v * job.n_samples + sample) * 3 + c) * pixels + start;
        make_row(s, s.y, v, c, amount[v], n);
        if (job.out_type == OutType::kFloat32) {
          float* out = static_cast<float*>(job.out) + element;
          if (streaming && finish_into(out, s.y, job.mean[c], job.scale[c], n)) continue;
          finish_row(s.y, job.mean[c], job.scale[c], n);
          write(element, s.y, n);
        } else {
          finish_row(s.y, job.mean[c], job.scale[c], n);
          cast_row(s.out, s.y, job.out_type, n);
          write(element, s.out, n);
        }
      }
    }
  }

  void render_part(Workspace& s, int64_t sample, int64_t part) const {
    float amount[kMaxVariants];
    find_amounts(amount, sample, part == 0);
    const int64_t stop = std::min(pixels, (part + 1) * kRenderPart);
    for (int64_t start = part * kRenderPart; start < stop; start += kTilePixels) {
      render_tile(s, amount, sample, start, static_cast<int>(std::min<int64_t>(kTilePixels, stop - start)));
    }
  }
};

}  // namespace

void render(const RenderJob& job, int threads) {
  const Renderer renderer(job);
  const int64_t units = job.n_samples * renderer.parts;
#pragma omp parallel num_threads(threads)
  {
    Workspace space;
    if (renderer.needs.norms) {
#pragma omp for schedule(static)
      for (int64_t unit = 0; unit < units; ++unit) {
        renderer.sum_part(space, unit / renderer.parts, unit % renderer.parts);
      }
    }
#pragma omp for schedule(static)
    for (int64_t unit = 0; unit < units; ++unit) {
      renderer.render_part(space, unit / renderer.parts, unit % renderer.parts);
    }
    if (renderer.streaming) finish_streaming();
  }
}

}  // namespace advspur::cpu
