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

struct SurvivorReport {
  std::vector<Survivor> roots;  // the topmost server process of each tree, by pid
  unsigned processes = 0;       // of this user
  // Of those: the kernel refuses to name their executable (SELinux, or no CAP_SYS_PTRACE), so that they were
  // judged by the process name; their product is "unknown".
  unsigned unreadable = 0;
  int unreadable_error = 0;  // an errno
  bool by_cgroup = false;
  std::vector<Failure> faults;  // the first of each kind
};

// `slices`: where the user's processes are listed, in the order to try (Session::slices). Without one that
// can be listed, or beyond its bounds, all of /proc is walked by owner. `self` and its ancestors are left
// out: they end with the session. Reads exe and stat only, never the memory of a process.
SurvivorReport find_survivors(ProcDir& proc, const std::vector<std::string>& slices, uid_t uid, pid_t self);

}  // namespace reaper::hook
