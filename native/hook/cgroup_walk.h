// The processes of one cgroup and of all below it.
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

// Sorted, each once. ENOENT: no such cgroup. E2BIG: beyond the bounds. Cgroups that vanish meanwhile are left
// out. `reader` lends its buffer.
Result<std::vector<pid_t>> list_cgroup(ProcDir& reader, const std::string& directory,
                                       const WalkBounds& bounds);

}  // namespace reaper::hook
