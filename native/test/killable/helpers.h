// What is left of the processes that read for a MemoryReader.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "core/killable/argv.h"

namespace reaper {

// Whether readers collect all of their helpers: those that die late, on a busy host, at a later pass.
inline bool collects_helpers() {
  MemoryReader reader(kCmdline, -1, 200, 5000);
  std::vector<Fault> faults;
  for (int tries = 0; tries < 200; ++tries) {
    reader.read({}, nullptr, &faults);
    siginfo_t child;
    if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) != 0) return errno == ECHILD;
    usleep(50 * 1000);
  }
  return false;
}

}  // namespace reaper
