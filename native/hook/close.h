// Closes a session: identifies its user, finds the server trees that are left, and tags them.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/result.h"
#include "hook/session.h"

namespace reaper::hook {

// The files and folders that the hook uses; tests use others.
struct Places {
  std::string proc_root = "/proc";
  std::string cgroup_root = "/sys/fs/cgroup";
  std::string tag_directory = "/run/vscode-grim-reaper/tags";
  std::string login_defs = "/etc/login.defs";
  uid_t owner = 0;  // of the tag directory
};

struct CloseReport {
  uid_t uid = 0;
  unsigned processes = 0;  // that the user still has
  unsigned trees = 0;
  unsigned tagged = 0;
  bool by_cgroup = false;
  unsigned unreadable = 0;  // of the processes: SurvivorReport::unreadable
  int unreadable_error = 0;
  std::vector<Failure> faults;
};

// Tags every surviving tree of the user whose session this process closes. Users below UID_MIN are skipped.
CloseReport close_session(const Places& places, const ClientText& text);

// The same for a session that is already identified.
CloseReport tag_survivors(const Places& places, ProcDir& proc, const Session& session);

}  // namespace reaper::hook
