// The directory of tags: root's, one file per process, each written whole or not at all. The hook writes as
// root; the sweep, which may run as an account of its own, reads and removes through the directory's group.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/proc/proc_dir.h"
#include "core/snapshot/snapshot.h"
#include "core/tags/tag.h"

namespace reaper {

// Creates the directory (0700) when absent; refuses a symlink, a foreign owner or a mode that others than a
// group of root's choice may use.
// `owner` is 0 but in tests.
Result<bool> prepare_tag_directory(const std::string& directory, uid_t owner);

// Writes DIRECTORY/PID-STARTTIME.json through a temporary name and a rename, so that no reader sees a part.
Result<bool> write_tag(const std::string& directory, const Tag& tag);

struct TagListing {
  std::vector<Tag> tags;
  std::vector<Fault> faults;  // files that are no tag: torn, foreign, hostile; each named
};

// Guard: a reader's bound; the hook keeps the directory far below it.
inline constexpr std::size_t kMaxListed = 16384;

// A missing directory is an empty listing: no hook has run yet.
TagListing list_tags(const std::string& directory, std::size_t most = kMaxListed);

struct TagCount {
  std::size_t all = 0;      // tags that stay
  std::size_t of_user = 0;  // those of living processes of the user
};

// Removes the tags of processes that have ended (by file name, without reading one) and counts the rest. For
// processes of `uid` a recycled pid is noticed by its start time as well.
TagCount prune_tags(const std::string& directory, ProcDir& proc, uid_t uid);

bool has_tag(const std::string& directory, const ProcId& id);

// False when there was none.
Result<bool> remove_tag(const std::string& directory, const ProcId& id);

}  // namespace reaper
