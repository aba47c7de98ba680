// For tests of two threads: the same work where there is one processor.
#pragma once

#include <sched.h>

#include <cstddef>

#include "check.h"

inline bool has_two_processors_here() {
  cpu_set_t all;
  CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
  return CPU_COUNT(&all) >= 2;
}

// While it lives, this thread may run on one processor alone.
class OneProcessor {
 public:
  OneProcessor() {
    CHECK(sched_getaffinity(0, sizeof before_, &before_) == 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
      if (CPU_ISSET(cpu, &before_)) CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
  }
  OneProcessor(const OneProcessor&) = delete;
  OneProcessor& operator=(const OneProcessor&) = delete;
  ~OneProcessor() { CHECK(sched_setaffinity(0, sizeof before_, &before_) == 0); }

 private:
  cpu_set_t before_;
};
