// Writes tags into their directory: 0700 root, one file per process, each written whole or not at all.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/tags/tag.h"

namespace reaper {

// Creates the directory (0700) when it is absent; refuses a symlink, another owner or a mode that lets others
// write. `owner` is 0 except in tests.
Result<bool> prepare_tag_directory(const std::string& directory, uid_t owner);

// Writes DIRECTORY/PID-STARTTIME.json through a temporary name and a rename, so no reader sees a part of it.
Result<bool> write_tag(const std::string& directory, const Tag& tag);

}  // namespace reaper
