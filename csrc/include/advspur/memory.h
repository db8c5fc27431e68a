// Hints about memory that somebody else owns.
#pragma once

#include <cstdint>

namespace advspur::cpu {

// Asks for large pages under [data, data + bytes), before it is first touched: large fresh results otherwise
// spend more time in page faults than in arithmetic. A no-op where the system knows no such hint.
void prefer_large_pages(void* data, int64_t bytes);

}  // namespace advspur::cpu
