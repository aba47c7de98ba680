// Identifies a process: a pid alone is not an identity, for the kernel gives it to another process later.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace reaper {

struct ProcId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // clock ticks since boot, field 22 of /proc/PID/stat
};

}  // namespace reaper
