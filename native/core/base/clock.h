#pragma once

#include <time.h>

#include <cstdint>

namespace reaper {

// Returns the time of a clock (clock_gettime(2)) in milliseconds.
inline std::int64_t now_ms(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace reaper
