// Which of a user's processes are servers that outlive the session, one per tree.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/proc/proc_dir.h"
#include "core/proc/process_id.h"

namespace reaper::hook {

struct Survivor {
  ProcId id;
  std::string_view product;
};

struct Survey {
  std::vector<Survivor> roots;  // the topmost server process of each tree, by pid
  unsigned processes = 0;       // of this user
  bool by_cgroup = false;
  std::vector<Failure> faults;  // the first of each kind
};

// `slices`: where the user's processes are listed, in the order to try (Session::slices). Without one that
// can be listed, or beyond its bounds, all of /proc is walked by owner. `self` and its ancestors are left
// out: they end with the session. Reads exe and stat only, never the memory of a process.
Survey find_survivors(ProcDir& proc, const std::vector<std::string>& slices, uid_t uid, pid_t self);

}  // namespace reaper::hook
