// The families that keep an image inside a ball: step, project, apgd.
#include "advspur/apgd.h"
#include "advspur/project.h"
#include "advspur/step.h"
#include "check.h"
#include "core/reduce.h"

namespace check {
namespace {

struct Radii {
  std::vector<float> eps, size;
};
Radii radii(Dice& dice, Norm norm, int64_t samples) {
  const float most = norm == Norm::kLinf ? 0.1f : norm == Norm::kL2 ? 1.0f : 9.0f;
  Radii r{dice.uniform(static_cast<size_t>(samples), 1e-3f, most), {}};
  for (float eps : r.eps) r.size.push_back(0.6f * eps);
  return r;
}

std::vector<uint8_t> mask_of(Dice& dice, const Problem& p) {
  return p.masked ? dice.bytes(static_cast<size_t>(p.samples * p.pixels()), 1) : std::vector<uint8_t>{};
}

Mask view(Both<uint8_t>& mask, const Problem& p, bool device) {
  if (!p.masked) return {};
  return {mask.at(device), p.pixels(), p.interleaved};
}

double per_mask(const Problem& p) {
  return p.masked ? 1.0 / static_cast<double>(p.channels) : 0.0;
}

void check_one_step(Norm norm, bool lengthen) {
  for (const Problem& p : problems()) {
    Dice dice;
    const Radii r = radii(dice, norm, p.samples);
    const size_t samples = static_cast<size_t>(p.samples);
    Both<float> x0(dice.clean(p.values()), p.misalign), x(x0.here, p.misalign);
    Both<float> eps(r.eps), size(r.size);
    Both<int64_t> k(std::vector<int64_t>(samples, p.n() / 20 + 1));
    Both<uint8_t> mask(mask_of(dice, p));
    for (int turn = 0; turn < 3; ++turn) {
      std::vector<float> slope = dice.normal(p.values());
      if (p.samples > 2) std::fill_n(slope.begin() + p.n(), p.n(), turn == 1 ? NAN : 0.0f);  // no direction
      if (p.values() > 9) slope[3] = INFINITY;
      Both<float> grad(slope, p.misalign);
      auto moved = Both<uint8_t>::out(samples);
      auto scratch = Both<double>::out(samples * 3 * static_cast<size_t>(chunks_of(p.n())));
      const auto make = [&](bool device) {
        return Step{norm,
                    x.at(device),
                    x0.at(device),
                    grad.at(device),
                    eps.at(device),
                    size.at(device),
                    norm == Norm::kL1 ? k.at(device) : nullptr,
                    moved.at(device),
                    view(mask, p, device),
                    {p.samples, p.n()},
                    lengthen};
      };
      what = std::string("step ") + name_of(norm) + (lengthen ? " long " : " ") + p.words();
      cpu::step(make(false), 1);
      emulated::start_counting();
      cuda::step(make(true), scratch.at(true), nullptr);
      if (turn == 0) report(what, "element", double(p.values()), 16 + per_mask(p));
      moved.same("moved");
      x.same("x");
    }
    emulated::give_all(emulated::Space::kGlobal);
  }
}

}  // namespace

void check_step() {
  for (const Norm norm : kNorms) check_one_step(norm, false);
  check_one_step(Norm::kL2, true);
}

void check_project() {
  for (const Norm norm : kNorms) {
    for (const bool boxed : {false, true}) {
      for (const Problem& p : problems()) {
        Dice dice;
        std::vector<float> radius = {0.7f, 3.0f, 0.0f, 40.0f, 1e4f};
        radius.resize(static_cast<size_t>(p.samples), 2.0f);
        Both<float> x0(dice.clean(p.values()), p.misalign), delta(dice.normal(p.values()), p.misalign),
            eps(radius);
        Both<uint8_t> mask(mask_of(dice, p));
        auto scratch = Both<double>::out(static_cast<size_t>(p.samples * 3 * chunks_of(p.n())));
        const auto make = [&](bool device) {
          return Project{norm,           delta.at(device),      boxed ? x0.at(device) : nullptr,
                         eps.at(device), view(mask, p, device), {p.samples, p.n()}};
        };
        what = std::string("project ") + name_of(norm) + (boxed ? " box " : " ") + p.words();
        cpu::project(make(false), 1);
        emulated::start_counting();
        cuda::project(make(true), scratch.at(true), nullptr);
        report(what, "element", double(p.values()), (boxed ? 12 : 8) + per_mask(p));
        delta.same("delta");
        emulated::give_all(emulated::Space::kGlobal);
      }
    }
  }
}

void check_apgd() {
  for (const Norm norm : kNorms) {
    for (const Problem& p : problems()) {
      Dice dice;
      const Radii r = radii(dice, norm, p.samples);
      const size_t samples = static_cast<size_t>(p.samples);
      Both<float> x0(dice.clean(p.values()), p.misalign), x(x0.here, p.misalign), old(x0.here, p.misalign),
          best(x0.here, p.misalign), best_grad(std::vector<float>(p.values()), p.misalign);
      Both<float> eps(r.eps), size(r.size);
      const std::vector<float> none(samples, -INFINITY);
      Both<float> best_loss(none), last_loss(none), checked_loss(none);
      Both<int32_t> rises(std::vector<int32_t>(samples, 0)), halved(std::vector<int32_t>(samples, 1));
      Both<int64_t> width(std::vector<int64_t>(samples, p.n() / 10 + 1)),
          count(std::vector<int64_t>(samples, p.n()));
      Both<uint8_t> mask(mask_of(dice, p));
      for (int turn = 0; turn < 5; ++turn) {
        Both<float> grad(dice.normal(p.values()), p.misalign), loss(dice.normal(samples));
        auto moved = Both<uint8_t>::out(samples);
        auto scratch = Both<double>::out(samples * (2 + 4 * static_cast<size_t>(chunks_of(p.n()))));
        const auto make = [&](bool d) {
          return Apgd{norm,
                      x.at(d),
                      old.at(d),
                      best.at(d),
                      best_grad.at(d),
                      grad.at(d),
                      x0.at(d),
                      loss.at(d),
                      eps.at(d),
                      best_loss.at(d),
                      last_loss.at(d),
                      checked_loss.at(d),
                      size.at(d),
                      rises.at(d),
                      halved.at(d),
                      width.at(d),
                      count.at(d),
                      turn % 2 * 2,
                      turn > 0 ? 0.75f : 1.0f,
                      moved.at(d),
                      view(mask, p, d),
                      {p.samples, p.n()}};
        };
        what = std::string("apgd ") + name_of(norm) + (turn == 2 ? " later " : " ") + p.words();
        cpu::apgd(make(false), 1);
        emulated::start_counting();
        cuda::apgd(make(true), scratch.at(true), nullptr);
        // first: x is the best yet, so it and its gradient are written too
        if (turn == 0)
          report(what, "element", double(p.values()), (norm == Norm::kL1 ? 20 : 24) + 8 + per_mask(p));
        moved.same("moved"), rises.same("rises"), halved.same("halved"), size.same("size");
        best_loss.same("best_loss"), last_loss.same("last_loss"), checked_loss.same("checked_loss");
        if (norm == Norm::kL1) width.same("width"), count.same("count");
        best.same("best"), best_grad.same("best_grad"), old.same("old"), x.same("x");
      }
      emulated::give_all(emulated::Space::kGlobal);
    }
  }
}

}  // namespace check
