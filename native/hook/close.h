// Closes a session: identifies its user, and writes down when it closed.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "core/base/result.h"
#include "hook/session.h"
#include "hook/tag.h"

namespace reaper::hook {

// The files and folders that the hook uses; tests use others.
struct Places {
  std::string proc_root = "/proc";
  std::string tag_directory = "/run/vscode-grim-reaper/tags";
  std::string login_defs = "/etc/login.defs";
  uid_t owner = 0;  // of the tag directory
};

// Tags the user whose session this process closes. Answers the tag; nullopt for root and users below UID_MIN.
Result<std::optional<Tag>> close_session(const Places& places, const ClientText& text);

// The tag as a line of the system log.
std::string describe(const Tag& tag);

}  // namespace reaper::hook
