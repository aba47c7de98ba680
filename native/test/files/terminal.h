// Whether a call that is given a terminal in place of a file refuses it, and does not make it the terminal of
// its process: root's program would get the signals of whoever has the other end.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/child.h"

namespace reaper {

template <typename Accepts>
bool takes_no_terminal(Accepts accepts) {
  return exit_of([&accepts] {
           const int other_end = posix_openpt(O_RDWR | O_NOCTTY);
           if (setsid() < 0 || other_end < 0 || grantpt(other_end) != 0 || unlockpt(other_end) != 0) return 2;
           if (accepts(ptsname(other_end))) return 3;
           return open("/dev/tty", O_RDWR) < 0 ? 0 : 1;
         }) == 0;
}

}  // namespace reaper
