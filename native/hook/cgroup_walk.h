// Lists the processes of a cgroup and of all cgroups below it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/proc/proc_dir.h"

namespace reaper::hook {

// A user owns the subtree of user@UID.service and may make any number of cgroups there.
struct WalkBounds {
  unsigned directories = 512;
  unsigned depth = 16;
};

// Answers the pids in ascending order. ENOENT: there is no such cgroup. E2BIG: it is beyond the bounds.
// Cgroups that vanish during the walk are skipped. Reads with the buffer of `reader`.
Result<std::vector<pid_t>> list_cgroup(ProcDir& reader, const std::string& directory,
                                       const WalkBounds& bounds);

}  // namespace reaper::hook
