#include "advspur/square.h"

#include "case.h"
#include "core/square.h"

namespace advspur::bench {

// One query of Square under linf, and taking it back: what is touched is the window, 5 % of the pixels. The
// places and signs are the package's own draws (tests/native compares them with the reference); what is
// checked is what becomes of the pixels.
std::vector<Case> square_cases(const Setup& s) {
  const float eps = 8.0f / 255;
  const std::vector<float> clean = uniforms(s, 1);
  const size_t batch = static_cast<size_t>(s.batch);
  const int32_t whole = static_cast<int32_t>(s.side),
                edge = std::max<int32_t>(1, static_cast<int32_t>(0.2236 * static_cast<double>(s.side)));
  std::vector<int32_t> fields, sides;
  for (size_t b = 0; b < batch; ++b) {
    for (int32_t value : {0, whole, 0, whole}) fields.push_back(value);
    for (int32_t value : {edge, edge}) sides.push_back(value);
  }
  const Array<float> x(s.place, clean), best(s.place, clean), x0(s.place, clean), radius(s.place, batch, eps);
  const Array<int32_t> field(s.place, fields), side(s.place, sides), window(s.place, 2 * batch, 0);
  const Array<int64_t> ids(s.place, counting(s.batch));
  const Array<uint8_t> accepted(s.place, batch, 0);
  const auto job_at = [=](int32_t* corners) {
    return Square{Norm::kLinf, x.data(), best.data(), x0.data(), radius.data(), nullptr, field.data(),
                  side.data(), nullptr,  nullptr,     corners,   ids.data(),    7,       0,
                  3,           s.batch,  3,           s.side,    s.side};
  };
  const auto query = [=] {
    if (s.place == Place::kCpu)
      cpu::square(job_at(window.data()), s.threads);
#ifdef ADVSPUR_HAS_CUDA
    else
      cuda::square(job_at(window.data()), nullptr);
#endif
  };
  const auto settle = [=] {
    const Settle job{x.data(), best.data(), window.data(), side.data(), accepted.data(),
                     s.batch,  3,           s.side,        s.side};
    if (s.place == Place::kCpu)
      cpu::square_settle(job, s.threads);
#ifdef ADVSPUR_HAS_CUDA
    else
      cuda::square_settle(job, nullptr);
#endif
  };
  const auto run = [=] {
    (void)field, (void)side, (void)ids, (void)accepted;
    query();
    settle();
  };
  const auto check = [=]() -> std::string {
    query();
    std::vector<float> expected = clean;
    // windows_of reads the host's copies
    std::vector<int32_t> f = fields, e = sides, corner(2 * batch);
    std::vector<int64_t> names = counting(s.batch);
    Square job = job_at(corner.data());
    job.field = f.data(), job.side = e.data(), job.ids = names.data();
    for (size_t b = 0; b < batch; ++b) {
      const Windows w = windows_of(job, static_cast<int64_t>(b));
      for (int64_t c = 0; c < 3; ++c) {
        const bool up = sign_of(job, static_cast<int64_t>(b), c);
        for (int32_t r = w.row; r < w.row + w.height; ++r)
          for (int32_t k = w.column; k < w.column + w.width; ++k) {
            float& value = expected[((b * 3 + c) * s.side + r) * s.side + k];
            value = std::min(1.0f, std::max(0.0f, up ? value + eps : value - eps));
          }
      }
    }
    const std::string wrong = differs(x.host(), expected, 1e-6);
    settle();
    return wrong.empty() ? differs(x.host(), clean, 0) : wrong;
  };
  // the query reads best and x0 and writes x; settling reads best and writes x
  return {{"square/linf query and settle", 20.0 * s.batch * 3 * edge * edge, false, run, check}};
}

}  // namespace advspur::bench
