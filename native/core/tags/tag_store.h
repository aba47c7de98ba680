// The directory of tags: 0700 root, one file a process, each written whole or not at all.
#pragma once

#include <string>
#include <vector>

#include "core/base/fault.h"
#include "core/base/result.h"
#include "core/tags/tag.h"

namespace reaper {

// Creates the directory (0700) when absent; refuses a symlink, a foreign owner or a mode others may write.
// `owner` is 0 but in tests.
Result<bool> prepare_tag_directory(const std::string& directory, uid_t owner);

// Writes DIRECTORY/PID-STARTTIME.json through a temporary name and a rename, so that no reader sees a part.
Result<bool> write_tag(const std::string& directory, const Tag& tag);

struct TagListing {
  std::vector<Tag> tags;
  std::vector<Fault> faults;  // files that are no tag: torn, foreign, hostile; each named
};

// A missing directory is an empty listing: no hook has run yet.
TagListing list_tags(const std::string& directory);

// False when there was none.
Result<bool> remove_tag(const std::string& directory, const ProcId& id);

}  // namespace reaper
