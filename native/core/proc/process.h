// Identifies a process and holds what /proc says about it.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/proc/parse.h"

namespace reaper {

// A pid alone is not an identity, for the kernel gives it to another process later.
struct ProcId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // clock ticks since boot, field 22 of /proc/PID/stat
};

// How the reading of a command line ended. kSkipped: it was not needed.
enum class ArgvStatus { kRead, kEmpty, kTimeout, kDenied, kGone, kSkipped };

// Why the link to the executable could not be read. kTooLong: its path exceeds PATH_MAX, so it is not a
// program that root installed.
enum class ExeUnreadable { kTooLong, kDenied };

struct Process : Stat {
  std::int64_t rss_kib = 0;
  std::optional<std::array<uid_t, 4>> uids;  // real, effective, saved, filesystem
  uid_t uid = 0;                             // effective: the owner of /proc/PID
  uid_t account = 0;                         // whom it is charged to (base/owners.h)
  std::optional<bool> ignores_hangup;
  std::optional<std::string> exe;  // nullopt without exe_unreadable: a kernel thread, a zombie
  std::optional<ExeUnreadable> exe_unreadable;
  std::vector<std::string> argv;
  ArgvStatus argv_status = ArgvStatus::kSkipped;
  bool argv_truncated = false;
  // Which of the variables that were asked for its environment had at its exec (proc_pid_environ(5));
  // nullopt: unreadable.
  bool variables_asked = false;
  std::optional<std::vector<std::string>> variables;
  std::optional<std::vector<std::string>> cgroups;  // empty list: a kernel without cgroups
  std::optional<std::uint32_t> audit_session, login_uid;
  std::optional<bool> foreign_user_ns, foreign_pid_ns;
  // Whether it lives in another mount namespace than process 1; nullopt: unreadable.
  std::optional<bool> foreign_mnt_ns;
};

}  // namespace reaper
