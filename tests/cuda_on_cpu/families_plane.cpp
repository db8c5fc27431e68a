// The families of FAB and Square: hyperplane, square.
#include "advspur/hyperplane.h"
#include "advspur/square.h"
#include "check.h"
#include "core/square.h"

namespace check {

void check_hyperplane() {
  for (const Norm norm : kNorms) {
    for (const Problem& p : problems()) {
      Dice dice;
      const size_t samples = static_cast<size_t>(p.samples);
      std::vector<float> values = {-1.0f, 2.0f, -30.0f, 0.0f, INFINITY};
      values.resize(samples, 0.3f);
      Both<float> x0(dice.clean(p.values()), p.misalign), x(dice.clean(p.values()), p.misalign);
      std::vector<float> slope = dice.normal(p.values());
      if (p.values() > 9) slope[3] = NAN;
      Both<float> w(slope, p.misalign), value(values), pull(std::vector<float>(samples, 0.9f));
      Both<double> gap(std::vector<double>(values.begin(), values.end()));
      Both<uint8_t> mask(p.masked ? dice.bytes(static_cast<size_t>(p.samples * p.pixels()), 1)
                                  : std::vector<uint8_t>{});
      auto d = Both<float>::out(p.values(), p.misalign);
      auto moved = Both<uint8_t>::out(samples);
      const auto plane = [&](bool device) {
        return Plane{norm, d.at(device), x.at(device), w.at(device), gap.at(device), {p.samples, p.n()}};
      };
      const auto fab = [&](bool device) {
        return FabStep{norm,
                       x.at(device),
                       x0.at(device),
                       w.at(device),
                       value.at(device),
                       pull.at(device),
                       moved.at(device),
                       1.05,
                       0.1,
                       p.masked ? Mask{mask.at(device), p.pixels(), p.interleaved} : Mask{},
                       {p.samples, p.n()}};
      };
      what = std::string("to_plane ") + name_of(norm) + " " + p.words();
      cpu::to_plane(plane(false), 1);
      emulated::start_counting();
      cuda::to_plane(plane(true), nullptr);
      report(what, "element", double(p.values()), 12);
      d.same("d");
      what = std::string("fab_step ") + name_of(norm) + " " + p.words();
      cpu::fab_step(fab(false), 1);
      emulated::start_counting();
      cuda::fab_step(fab(true), nullptr);
      report(what, "element", double(p.values()), 16 + (p.masked ? 1.0 / double(p.channels) : 0));
      moved.same("moved");
      x.same("x");
      emulated::give_all(emulated::Space::kGlobal);
    }
  }
}

void check_square() {
  for (const Norm norm : kNorms) {
    for (const Problem& p : problems()) {
      if (p.interleaved) continue;
      Dice dice;
      const size_t samples = static_cast<size_t>(p.samples);
      Both<float> x0(dice.clean(p.values()), p.misalign);
      std::vector<float> start = x0.here;
      for (float& v : start) v = v < 0.5f ? v + 0.02f : v - 0.02f;
      Both<float> best(start, p.misalign), x(start, p.misalign);
      Both<float> eps(std::vector<float>(samples, norm == Norm::kLinf ? 0.05f
                                                  : norm == Norm::kL2 ? 2.0f
                                                                      : 20.0f));
      Both<uint8_t> mask(p.masked ? dice.bytes(static_cast<size_t>(p.samples * p.pixels()), 1)
                                  : std::vector<uint8_t>{});
      std::vector<int32_t> fields, sides;
      std::vector<int64_t> tile_at, names;
      std::vector<uint8_t> yes;
      std::vector<float> patterns;
      for (int64_t i = 0; i < p.samples; ++i) {
        const int32_t side = static_cast<int32_t>(p.side), tall = 1 + static_cast<int32_t>(i % side);
        fields.insert(fields.end(), {0, side, side / 3, side});
        sides.insert(sides.end(), {tall, (tall + side) / 2});
        tile_at.push_back(static_cast<int64_t>(patterns.size()));
        for (const float v : dice.uniform(static_cast<size_t>(2 * tall * ((tall + side) / 2))))
          patterns.push_back(v);
        names.push_back(i * 1000003 - 5);
        yes.push_back(i % 2);
      }
      Both<int32_t> field(fields), side(sides);
      Both<float> tiles(patterns);
      Both<int64_t> where(tile_at), ids(names);
      Both<uint8_t> accepted(yes);
      auto window = Both<int32_t>::out(2 * samples);
      const auto make = [&](bool d) {
        return Square{norm,
                      x.at(d),
                      best.at(d),
                      x0.at(d),
                      eps.at(d),
                      p.masked ? mask.at(d) : nullptr,
                      field.at(d),
                      side.at(d),
                      norm == Norm::kLinf ? nullptr : tiles.at(d),
                      where.at(d),
                      window.at(d),
                      ids.at(d),
                      11,
                      3,
                      5,
                      p.samples,
                      p.channels,
                      p.side,
                      p.side};
      };
      what = std::string("square ") + name_of(norm) + " " + p.words();
      cpu::square(make(false), 1);
      emulated::start_counting();
      cuda::square(make(true), nullptr);
      if (norm != Norm::kLinf) report(what, "element", double(p.values()), 12);
      window.same("window");
      x.same("x");
      const auto settle = [&](bool d) {
        return Settle{x.at(d),   best.at(d), window.at(d), side.at(d), accepted.at(d),
                      p.samples, p.channels, p.side,       p.side};
      };
      what = std::string("square_settle ") + p.words();
      cpu::square_settle(settle(false), 1);
      cuda::square_settle(settle(true), nullptr);
      x.same("x"), best.same("best");
      emulated::give_all(emulated::Space::kGlobal);
    }
  }
}

}  // namespace check
