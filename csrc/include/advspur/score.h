// Logits to what is recorded of a sample, in one pass.
//
// logits: rows of k values, `stride` values apart. labels: one per row. codes: k; the class of an output, -1
// = no class (competes, always wrong), -2 = does not compete. prediction: class of the best competing output
// (ties: lowest index), -1 = it has no class, -2 = a competing logit is not finite (then probability and
// margin are NaN). probability: softmax mass of the label's outputs among the competing ones. margin: best of
// the label's outputs minus best of the others. correct: prediction is the label.
#pragma once

#include <cstdint>

namespace advspur {

enum class LogitType : int { kFloat32 = 0, kBfloat16 = 1, kFloat16 = 2 };

struct Score {
  LogitType type;
  const void* logits;
  int64_t stride;
  const int64_t* labels;
  const int32_t* codes;
  int64_t* prediction;
  float* probability;
  float* margin;
  uint8_t* correct;
  int64_t rows;
  int64_t k;
};

namespace cpu {
void score(const Score& s, int threads);
}
namespace cuda {
void score(const Score& s, void* cuda_stream);
}  // namespace cuda

}  // namespace advspur
