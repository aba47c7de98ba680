// The directory of tags: root's, one file per process, each written whole or not at all. The hook writes as
// root and removes what is out of date; the sweep, which may run as an account of its own, reads and removes
// through the directory's group (src/shell/store/tags.ts).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "core/base/result.h"
#include "core/proc/proc_dir.h"
#include "hook/tag.h"

namespace reaper::hook {

// Creates the directory (0700) when it is absent. Refuses a symlink, another owner, and a mode that lets
// anybody but a group of root's choice use it. `owner` is 0 except in tests.
Result<bool> prepare_tag_directory(const std::string& directory, uid_t owner);

// Writes DIRECTORY/PID-STARTTIME.json through a temporary name and a rename, so no reader sees a part of it.
Result<bool> write_tag(const std::string& directory, const Tag& tag);

struct TagCount {
  std::size_t all = 0;      // tags that stay
  std::size_t of_user = 0;  // those of living processes of the user
};

// Removes the tags of processes that have ended (by file name, without reading one) and counts the rest. For
// processes of `uid` it also compares start times, so a recycled pid is noticed.
TagCount prune_tags(const std::string& directory, ProcDir& proc, uid_t uid);

bool has_tag(const std::string& directory, const ProcId& id);

}  // namespace reaper::hook
