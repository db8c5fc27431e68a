// What the memory can do: the stream triad on the CPU (McCalpin), a copy on the device.
#pragma once

#include "array.h"

namespace advspur::bench {

class Stream {
 public:
  Stream(Place place, int threads);
  void run() const;
  double bytes() const { return bytes_; }  // triad: two reads and a write; copy: a read and a write

 private:
  static constexpr size_t kValues = size_t{1} << 24;
  Place place_;
  int threads_;
  double bytes_;
  Array<float> a_, b_, c_;
};

}  // namespace advspur::bench
