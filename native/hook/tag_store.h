// The directory of tags: root's, one file per user, each written whole or not at all. The sweep, which may
// run as an account of its own, reads and removes through the directory's group (src/shell/store/tags.ts).
#pragma once

#include <sys/types.h>

#include <string>

#include "core/base/result.h"
#include "hook/tag.h"

namespace reaper::hook {

// Writes DIRECTORY/UID.json to a temporary name and renames it over an older one. Makes the directory (0700)
// and the one above where they are absent; refuses a symlink, another owner than `owner` (0 except in tests),
// and a mode that lets anybody but a group of root's choice use it.
Result<bool> write_tag(const std::string& directory, uid_t owner, const Tag& tag);

}  // namespace reaper::hook
