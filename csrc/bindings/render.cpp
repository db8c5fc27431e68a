#include "advspur/render.h"

#include <pybind11/stl.h>

#include <array>
#include <stdexcept>
#include <vector>

#include "bindings/bindings.h"

namespace advspur::bindings {
namespace {

using Strides = std::vector<int64_t>;

// (batch, channel, row, column)
ImageView image_view(Address data, bool bytes, const Strides& s) {
  if (!data) return {};
  return {pointer<const void>(data), bytes, s.at(0), s.at(1), s.at(2), s.at(3)};
}

// (batch, row, column)
MaskView mask_view(Address data, bool bytes, const Strides& s) {
  if (!data) return {};
  return {pointer<const void>(data), bytes, s.at(0), s.at(1), s.at(2)};
}

VariantTable variant_table(const std::vector<int>& kinds, const std::vector<int>& regions,
                           const std::vector<double>& amounts) {
  if (kinds.size() > kMaxVariants || regions.size() != kinds.size() || amounts.size() != kinds.size()) {
    throw std::invalid_argument("render: a variant table of " + std::to_string(kinds.size()) + " rows");
  }
  VariantTable table{};
  table.count = static_cast<int>(kinds.size());
  for (int v = 0; v < table.count; ++v) {
    table.kind[v] = kinds[v];
    table.region[v] = regions[v];
    table.amount[v] = static_cast<float>(amounts[v]);
  }
  return table;
}

// Defines one function of the module; RUN(job, last) launches it.
template <class Last, class Run>
void define(py::module_& m, const char* name, const char* last, Run run) {
  m.def(
      name,
      [run](std::array<int64_t, 3> sizes, Address images, bool image_bytes, const Strides& image_strides,
            Address partners, const Strides& partner_strides, Address masks, bool mask_bytes,
            const Strides& mask_strides, Address ids, const std::vector<int>& kinds,
            const std::vector<int>& regions, const std::vector<double>& amounts, uint64_t seed,
            uint32_t stream, std::array<float, 3> mean, std::array<float, 3> scale, Address out, int out_type,
            bool channels_last, Address empty, Address scratch, Last where) {
        RenderJob job{};
        job.n_samples = sizes[0];
        job.height = sizes[1];
        job.width = sizes[2];
        job.images = image_view(images, image_bytes, image_strides);
        job.partners = image_view(partners, image_bytes, partner_strides);
        job.masks = mask_view(masks, mask_bytes, mask_strides);
        job.ids = pointer<const int64_t>(ids);
        job.variants = variant_table(kinds, regions, amounts);
        job.seed = seed;
        job.stream = stream;
        for (int c = 0; c < 3; ++c) {
          job.mean[c] = mean[c];
          job.scale[c] = scale[c];
        }
        job.out = pointer<void>(out);
        job.out_type = static_cast<OutType>(out_type);
        job.channels_last = channels_last;
        job.empty = pointer<bool>(empty);
        job.scratch = pointer<double>(scratch);
        run(job, where);
      },
      py::kw_only(), py::arg("sizes"), py::arg("images"), py::arg("image_bytes"), py::arg("image_strides"),
      py::arg("partners"), py::arg("partner_strides"), py::arg("masks"), py::arg("mask_bytes"),
      py::arg("mask_strides"), py::arg("ids"), py::arg("kinds"), py::arg("regions"), py::arg("amounts"),
      py::arg("seed"), py::arg("stream"), py::arg("mean"), py::arg("scale"), py::arg("out"),
      py::arg("out_type"), py::arg("channels_last"), py::arg("empty"), py::arg("scratch"), py::arg(last),
      ReleaseGil());
}

}  // namespace

void bind_render(py::module_& m) {
  m.attr("max_variants") = kMaxVariants;
  m.attr("render_part") = kRenderPart;
  define<int>(m, "render_cpu", "threads",
              [](const RenderJob& job, int threads) { cpu::render(job, threads); });
#ifdef ADVSPUR_HAS_CUDA
  define<Address>(m, "render_cuda", "cuda_stream",
                  [](const RenderJob& job, Address stream) { cuda::render(job, pointer<void>(stream)); });
#endif
}

}  // namespace advspur::bindings
