// Losses to ascend and their gradients with respect to the logits, one row a sample, on the scale of the row
// itself: logits are divided by their mean absolute deviation (a constant for the gradient), so that a factor
// on all logits changes nothing, and no form of them saturates.
//
// logits: (rows, k), rows `stride` apart, finite or not (then the value is NaN and the gradient zero). label:
// the right class. target: the class to lead to, null or -1 for none. value: (rows). grad: (rows, k),
// contiguous; null: values only.
//   ce       logsumexp of the wrong logits minus the right one, logits at spread 3; targeted: z_t - logsumexp
//   of the rest margin   the best wrong logit minus the right one; targeted: z_t minus the best other dlr
//   margin / (z_(1) - z_(3)); targeted: (z_t - z_y) / (z_(1) - (z_(3) + z_(4)) / 2) dlr_targeted   as dlr
//   with the nearest wrong class as the target
// DLR is the margin where there are fewer than 3 (targeted 4) classes. Source: Croce & Hein 2020, section 4.
#pragma once

#include <cstdint>

namespace advspur {

enum class LossKind : int { kCrossEntropy = 0, kMargin = 1, kDlr = 2, kDlrTargeted = 3 };

struct Loss {
  LossKind kind;
  const float* logits;
  int64_t stride;
  const int64_t* label;
  const int64_t* target;
  float* value;
  float* grad;
  int64_t rows, k;
};

namespace cpu {
void loss(const Loss& s, int threads);
}
namespace cuda {
void loss(const Loss& s, void* cuda_stream);
}  // namespace cuda

}  // namespace advspur
