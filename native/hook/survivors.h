// Finds the servers of a user that outlive the session, one per tree.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/proc/proc_dir.h"
#include "core/proc/process.h"

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

// Takes the user's processes from the first of `slices` that can be listed (Session::slices), else from all
// of /proc by owner. Skips `self` and its ancestors, which end with the session. Reads exe and stat only,
// never the memory of a process.
SurvivorReport find_survivors(ProcDir& proc, const std::vector<std::string>& slices, uid_t uid, pid_t self);

}  // namespace reaper::hook
