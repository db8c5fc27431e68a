// The families that work row by row: random, score, loss.
#include "advspur/loss.h"
#include "advspur/random.h"
#include "advspur/score.h"
#include "check.h"
#include "core/pixel.h"

namespace check {

void check_random() {
  Both<int64_t> ids({0, 1, (int64_t{1} << 33) + 5, -1, 77});
  for (const Draw kind : {Draw::kBits, Draw::kUniform, Draw::kNormal}) {
    for (const int64_t samples : {0, 1, 5}) {
      for (const int64_t n : {1, 3, 4, 1000, 3073, 8192}) {
        for (const size_t misalign : {0, 1}) {
          auto out = Both<uint32_t>::out(static_cast<size_t>(samples * n), misalign);
          what = "draw " + std::to_string(static_cast<int>(kind)) + " " + std::to_string(samples) + "x" +
                 std::to_string(n) + (misalign ? " unaligned" : "");
          cpu::draw(kind, out.at(false), ids.at(false), samples, n, 9, 1, 1);
          emulated::start_counting();
          cuda::draw(kind, out.at(true), ids.at(true), samples, n, 9, 1, nullptr);
          report(what, "number", double(samples * n), 4);
          out.same("out");
        }
      }
    }
  }
}

namespace {
void score_once(LogitType type, int64_t rows, int64_t k, int64_t stride, size_t misalign) {
  Dice dice;
  std::vector<float> z = dice.normal(static_cast<size_t>(rows * stride));
  std::vector<int64_t> given(static_cast<size_t>(rows));
  for (size_t i = 0; i < given.size(); ++i) given[i] = static_cast<int64_t>(i % 4) - 1;
  std::vector<int32_t> code(static_cast<size_t>(k));
  for (size_t i = 0; i < code.size(); ++i) code[i] = static_cast<int32_t>(i * 7 % 6) - 2;
  code[0] = 0;  // one competes
  if (rows > 3) z[static_cast<size_t>(3 * stride)] = NAN;
  if (rows > 2) std::fill_n(z.begin() + 2 * stride, k, 1.5f);  // ties
  std::vector<uint16_t> half(z.size());
  for (size_t i = 0; i < z.size(); ++i)
    half[i] = type == LogitType::kBfloat16 ? to_bfloat16(z[i]) : to_float16(z[i]);
  const bool wide = type == LogitType::kFloat32;
  Both<float> logits(z, misalign);
  Both<uint16_t> halves(half, misalign);
  Both<int64_t> labels(given);
  Both<int32_t> codes(code);
  const size_t n = static_cast<size_t>(rows);
  auto prediction = Both<int64_t>::out(n);
  auto probability = Both<float>::out(n), margin = Both<float>::out(n);
  auto correct = Both<uint8_t>::out(n);
  const auto make = [&](bool d) {
    return Score{type,
                 wide ? static_cast<const void*>(logits.at(d)) : halves.at(d),
                 stride,
                 labels.at(d),
                 codes.at(d),
                 prediction.at(d),
                 probability.at(d),
                 margin.at(d),
                 correct.at(d),
                 rows,
                 k};
  };
  what = "score " +
         std::string(wide                           ? "float32 "
                     : type == LogitType::kBfloat16 ? "bfloat16 "
                                                    : "float16 ") +
         std::to_string(rows) + "x" + std::to_string(k) + " stride " + std::to_string(stride) +
         (misalign ? " unaligned" : "");
  cpu::score(make(false), 1);
  emulated::start_counting();
  cuda::score(make(true), nullptr);
  report(what, "logit", double(rows * k), (wide ? 4 : 2) + 25.0 / double(k));
  prediction.same("prediction"), correct.same("correct"), probability.same("probability"),
      margin.same("margin");
  emulated::give_all(emulated::Space::kGlobal);
}
}  // namespace

void check_score() {
  for (const LogitType type : {LogitType::kFloat32, LogitType::kBfloat16, LogitType::kFloat16}) {
    for (const int64_t k : {1, 2, 10, 999, 1000, 2049, 21841}) {
      for (const int64_t rows : {0, 1, 9}) {
        if (k > 3000 && rows > 1) continue;
        score_once(type, rows, k, k, 0);
        score_once(type, rows, k, k + 5, 1);
      }
    }
  }
}

void check_loss() {
  for (const LossKind kind :
       {LossKind::kCrossEntropy, LossKind::kMargin, LossKind::kDlr, LossKind::kDlrTargeted}) {
    for (const int64_t k : {2, 3, 4, 10, 999, 1000, 2500}) {
      for (const int64_t rows : {0, 1, 11}) {
        for (const int64_t more : {0, 3}) {
          Dice dice;
          const size_t n = static_cast<size_t>(rows);
          std::vector<float> z = dice.normal(static_cast<size_t>(rows * (k + more)));
          if (rows > 4) z[static_cast<size_t>(4 * (k + more))] = INFINITY;
          if (rows > 5) std::fill_n(z.begin() + 5 * (k + more), k, 2.0f);
          std::vector<int64_t> right(n), lead(n);
          for (size_t i = 0; i < n; ++i) {
            right[i] = static_cast<int64_t>(i * 31) % k;
            lead[i] = i % 3 == 2 ? -1 : static_cast<int64_t>(i * 31 + 1) % k;
          }
          Both<float> logits(z, static_cast<size_t>(more > 0));
          Both<int64_t> label(right), target(lead);
          for (const bool targeted : {false, true}) {
            for (const bool gradient : {false, true}) {
              auto value = Both<float>::out(n), grad = Both<float>::out(static_cast<size_t>(rows * k));
              const auto make = [&](bool d) {
                return Loss{kind,
                            logits.at(d),
                            k + more,
                            label.at(d),
                            targeted ? target.at(d) : nullptr,
                            value.at(d),
                            gradient ? grad.at(d) : nullptr,
                            rows,
                            k};
              };
              what = "loss " + std::to_string(static_cast<int>(kind)) + (targeted ? " targeted " : " ") +
                     (gradient ? "gradient " : "") + std::to_string(rows) + "x" + std::to_string(k) +
                     (more > 0 ? " unaligned" : "");
              cpu::loss(make(false), 1);
              emulated::start_counting();
              cuda::loss(make(true), nullptr);
              report(what, "logit", double(rows * k),
                     (gradient ? 8 : 4) + (targeted ? 20.0 : 12.0) / double(k));
              value.same("value", 1e-6, 1e-6);
              if (gradient) grad.same("grad", 1e-6, 1e-7);
            }
          }
          emulated::give_all(emulated::Space::kGlobal);
        }
      }
    }
  }
}

}  // namespace check
