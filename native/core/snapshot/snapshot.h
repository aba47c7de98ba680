// One look at the process table: every suspect and what lives below it, every sshd, every process that hides
// its executable, and the ancestors of these.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/fault.h"
#include "core/base/result.h"
#include "core/proc/process.h"

namespace reaper {

struct SnapshotOptions {
  std::string proc_root = "/proc";
  std::optional<std::vector<uid_t>> uids;
  bool full = false;
  // Names of executables may end in `*`. kin_interpreters and kin_markers are for the processes of a user who
  // has a suspect, and hold all interpreters and argv_markers.
  std::vector<std::string> exe_markers, interpreters, argv_markers, kin_interpreters, kin_markers, sshd_names;
  int argv_timeout_ms = 200;
  int argv_budget_ms = 5000;
};

struct SnapshotCounts {
  std::uint32_t listed = 0, read = 0, gone = 0, denied = 0, malformed = 0, timed_out = 0;
};

struct Snapshot {
  std::string boot_id;
  long ticks_per_second = 100;
  std::int64_t uptime_ms = 0, taken_at_ms = 0;
  std::vector<Process> processes;
  SnapshotCounts counts;
  std::vector<Fault> faults;
};

// Fails only when nothing can be known (the proc root cannot be listed, no boot id, no uptime).
Result<Snapshot> take_snapshot(const SnapshotOptions& options);

}  // namespace reaper
