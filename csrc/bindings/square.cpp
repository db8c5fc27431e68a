#include "advspur/square.h"

#include "bindings/bindings.h"

namespace advspur::bindings {
namespace {

Square make_square(int norm, Address x, Address best, Address x0, Address eps, Address mask, Address field,
                   Address side, Address tiles, Address tile_at, Address window, Address ids, uint64_t seed,
                   uint32_t stream, uint32_t query, int64_t samples, int64_t channels, int64_t height,
                   int64_t width) {
  return {static_cast<Norm>(norm),
          pointer<float>(x),
          pointer<const float>(best),
          pointer<const float>(x0),
          pointer<const float>(eps),
          pointer<const uint8_t>(mask),
          pointer<const int32_t>(field),
          pointer<const int32_t>(side),
          pointer<const float>(tiles),
          pointer<const int64_t>(tile_at),
          pointer<int32_t>(window),
          pointer<const int64_t>(ids),
          seed,
          stream,
          query,
          samples,
          channels,
          height,
          width};
}

Settle make_settle(Address x, Address best, Address window, Address side, Address accepted, int64_t samples,
                   int64_t channels, int64_t height, int64_t width) {
  return {pointer<float>(x),
          pointer<float>(best),
          pointer<const int32_t>(window),
          pointer<const int32_t>(side),
          pointer<const uint8_t>(accepted),
          samples,
          channels,
          height,
          width};
}

}  // namespace

// The last argument is the thread count on the CPU, the stream on CUDA.
#define ADVSPUR_SQUARE(suffix, space, last, Last, convert)                                                   \
  m.def(                                                                                                     \
      "square_" #suffix,                                                                                     \
      [](int norm, Address x, Address best, Address x0, Address eps, Address mask, Address field,            \
         Address side, Address tiles, Address tile_at, Address window, Address ids, uint64_t seed,           \
         uint32_t stream, uint32_t query, int64_t samples, int64_t channels, int64_t height, int64_t width,  \
         Last last) {                                                                                        \
        space::square(make_square(norm, x, best, x0, eps, mask, field, side, tiles, tile_at, window, ids,    \
                                  seed, stream, query, samples, channels, height, width),                    \
                      convert(last));                                                                        \
      },                                                                                                     \
      py::kw_only(), py::arg("norm"), py::arg("x"), py::arg("best"), py::arg("x0"), py::arg("eps"),          \
      py::arg("mask"), py::arg("field"), py::arg("side"), py::arg("tiles"), py::arg("tile_at"),              \
      py::arg("window"), py::arg("ids"), py::arg("seed"), py::arg("stream"), py::arg("query"),               \
      py::arg("samples"), py::arg("channels"), py::arg("height"), py::arg("width"), py::arg(#last),          \
      ReleaseGil());                                                                                         \
  m.def(                                                                                                     \
      "square_settle_" #suffix,                                                                              \
      [](Address x, Address best, Address window, Address side, Address accepted, int64_t samples,           \
         int64_t channels, int64_t height, int64_t width, Last last) {                                       \
        space::square_settle(make_settle(x, best, window, side, accepted, samples, channels, height, width), \
                             convert(last));                                                                 \
      },                                                                                                     \
      py::kw_only(), py::arg("x"), py::arg("best"), py::arg("window"), py::arg("side"), py::arg("accepted"), \
      py::arg("samples"), py::arg("channels"), py::arg("height"), py::arg("width"), py::arg(#last),          \
      ReleaseGil())

void bind_square(py::module_& m) {
  ADVSPUR_SQUARE(cpu, cpu, threads, int, static_cast<int>);
#ifdef ADVSPUR_HAS_CUDA
  ADVSPUR_SQUARE(cuda, cuda, cuda_stream, Address, pointer<void>);
#endif
}
#undef ADVSPUR_SQUARE

}  // namespace advspur::bindings
