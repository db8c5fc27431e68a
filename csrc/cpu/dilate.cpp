// k rounds reach the pixels (x, y) with ceil(|x| / reach) + ceil(|y| / reach) <= k, a ball B_k. So the rounds
// need not be done one by one: for b < a, B_(a+b) is the union of B_a moved by the four corners of B_b (move
// along the longer side of what is left; what then remains lies in B_a). 15 rounds become two rounds and four
// moves to the corners: B_1, B_2, B_3, B_5, B_9, B_15.
//
// A move can step over its aim by less than the largest corner, so that much border, of zeros at first, takes
// part; a second border of the same width is only read and stays zero.
#include "advspur/dilate.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/macros.h"

namespace advspur::cpu {
namespace {

// out[i] = the largest of itself and four neighbours of in[i]: `down` rows' bytes and `right` bytes away.
ADVSPUR_CLONES void rise(uint8_t* __restrict__ out, const uint8_t* __restrict__ in, int64_t down,
                         int64_t right, int64_t count) {
  const uint8_t *north = in - down, *south = in + down, *west = in - right, *east = in + right;
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t a = north[i] > south[i] ? north[i] : south[i], b = west[i] > east[i] ? west[i] : east[i];
    const uint8_t c = a > b ? a : b;
    out[i] = c > out[i] ? c : out[i];
  }
}

// A pass moves by 1, ..., `moves` times `far` pixels: a plain round has `reach` moves of 1, later passes one
// of far.
struct Pass {
  int64_t moves, far;
};

// One round, one round, then as many as is less than what has been reached.
std::vector<Pass> plan_of(int64_t rounds, int64_t reach) {
  std::vector<Pass> found;
  for (int64_t done = 0; done < rounds;) {
    const int64_t more = done < 2 ? 1 : std::min(done - 1, rounds - done);
    found.push_back(done < 2 ? Pass{reach, 1} : Pass{1, more * reach});
    done += more;
  }
  return found;
}

}  // namespace

void dilate(const Dilate& d, int threads) {
  const std::vector<Pass> plan = plan_of(d.rounds, d.reach);
  int64_t border = 0;
  for (const Pass& pass : plan) border = std::max(border, pass.moves * pass.far);
  const int64_t worked = (d.width + 2 * border + 63) / 64 * 64;  // whole vectors; more border on the right
  const int64_t stride = worked + 2 * border, rows = d.height + 4 * border, bytes = rows * stride;
  const int64_t teams = std::max<int64_t>(1, std::min<int64_t>(threads, d.samples));
  std::vector<uint8_t> room(static_cast<size_t>(2 * bytes * teams));

#pragma omp parallel for num_threads(static_cast<int>(teams)) schedule(static) if (teams > 1)
  for (int64_t team = 0; team < teams; ++team) {
    uint8_t* from = room.data() + 2 * bytes * team;
    uint8_t* to = from + bytes;
    for (int64_t s = d.samples * team / teams; s < d.samples * (team + 1) / teams; ++s) {
      const int64_t pixels = d.height * d.width;
      std::memset(from, 0, static_cast<size_t>(bytes));
      for (int64_t y = 0; y < d.height; ++y) {
        std::memcpy(from + (y + 2 * border) * stride + 2 * border, d.masks + s * pixels + y * d.width,
                    static_cast<size_t>(d.width));
      }
      for (const Pass& pass : plan) {
        for (int64_t y = border; y < rows - border; ++y) {
          const int64_t at = y * stride + border;
          std::memcpy(to + at, from + at, static_cast<size_t>(worked));
          for (int64_t move = 1; move <= pass.moves; ++move) {
            rise(to + at, from + at, move * pass.far * stride, move * pass.far, worked);
          }
        }
        std::swap(from, to);
      }
      for (int64_t y = 0; y < d.height; ++y) {
        std::memcpy(d.out + s * pixels + y * d.width, from + (y + 2 * border) * stride + 2 * border,
                    static_cast<size_t>(d.width));
      }
    }
  }
}

}  // namespace advspur::cpu
