// Threads that walk the samples together, each keeping its own part of every sample.
//
// A kernel with two passes reads a sample twice. A 224x224 image with its gradient and its clean copy is 1.8
// MB: more than a core's cache, but a quarter of it is not. So where samples are large all threads share each
// of them, and the second pass finds its part in the nearest cache.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace advspur::cpu {

// A sample whose passes touch more bytes than this is shared by the threads.
constexpr int64_t kOwnCacheBytes = int64_t{768} << 10;

// Spins for a few microseconds, then yields: sleeping and waking costs as much as a sample's work.
class SpinBarrier {
 public:
  void wait(int team) {
    const int turn = turn_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == team - 1) {
      arrived_.store(0, std::memory_order_relaxed);
      turn_.store(turn + 1, std::memory_order_release);
      return;
    }
    for (int spins = 0; turn_.load(std::memory_order_acquire) == turn; ++spins) {
      if (spins < 4096) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
      } else {
        std::this_thread::yield();
      }
    }
  }

 private:
  std::atomic<int> arrived_{0}, turn_{0};
};

struct Part {
  int index, team;
  int64_t first, last;  // chunks [first, last) are this thread's
};

// work(part) once on every thread of the team.
template <class Work>
void as_team(int64_t chunks, int threads, const Work& work) {
#pragma omp parallel num_threads(threads)
  {
#ifdef _OPENMP
    const int index = omp_get_thread_num(), team = omp_get_num_threads();
#else
    const int index = 0, team = 1;
#endif
    work(Part{index, team, chunks * index / team, chunks * (index + 1) / team});
  }
}

}  // namespace advspur::cpu
