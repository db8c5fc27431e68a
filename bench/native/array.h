// Values on the host or on the CUDA device, behind one interface.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

namespace advspur::bench {

enum class Place { kCpu, kCuda };

// Raw memory at a place. The CUDA half lives in array_cuda.cpp; without CUDA these throw.
void* device_take(size_t bytes);
void device_give(void* data) noexcept;
void device_copy(void* to, const void* from, size_t bytes, bool to_device);
void device_move(void* to, const void* from, size_t bytes);  // on the device, not waited for
double device_seconds(const std::function<void()>& work);    // by events on the default stream
bool device_there();
const char* device_name();

// Copies share the same values.
template <class T>
class Array {
 public:
  Array(Place place, const std::vector<T>& values) : place_(place), size_(values.size()) {
    const size_t bytes = size_ * sizeof(T);
    if (place == Place::kCpu) {
      held_ = std::shared_ptr<void>(::operator new(bytes + 64), [](void* p) { ::operator delete(p); });
      std::memcpy(held_.get(), values.data(), bytes);
    } else {
      held_ = std::shared_ptr<void>(device_take(bytes + 64), device_give);
      device_copy(held_.get(), values.data(), bytes, true);
    }
  }
  Array(Place place, size_t n, T value) : Array(place, std::vector<T>(n, value)) {}

  T* data() const { return static_cast<T*>(held_.get()); }
  size_t size() const { return size_; }
  std::vector<T> host() const {
    std::vector<T> values(size_);
    if (place_ == Place::kCpu)
      std::memcpy(values.data(), data(), size_ * sizeof(T));
    else
      device_copy(values.data(), data(), size_ * sizeof(T), false);
    return values;
  }

 private:
  Place place_;
  size_t size_;
  std::shared_ptr<void> held_;
};

}  // namespace advspur::bench
