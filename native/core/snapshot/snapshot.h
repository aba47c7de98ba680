// Takes one snapshot of the process table: every suspect, what lives below it, every ssh server, every
// process that hides its executable, and what lives above all of these.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/base/owners.h"
#include "core/base/result.h"
#include "core/proc/process.h"

namespace reaper {

struct SnapshotOptions {
  std::string proc_root = "/proc";
  std::optional<std::unordered_set<uid_t>> uids;  // whose processes may be suspects; nullopt: everyone's
  // As whom to look: 0 expects to read every process, also where an account with root's capabilities does it.
  // Guard: if such an account lacks them, it must not take a full host for an empty one.
  uid_t observer = geteuid();
  // Every process of `uids` is a suspect, and what lives below one is read whosever it is, and not only that
  // of root and of users with a suspect. This takes a read of every process of the host.
  bool full = false;
  bool staged = false;  // stop when it is known which users have suspects, and what lives above these
  // An executable whose path holds one of exe_markers is a suspect; so is one whose name begins with one of
  // `interpreters` and whose command line holds one of argv_markers.
  std::vector<std::string> exe_markers, interpreters, argv_markers, sshd_names;
  // Variables to look for in the environments of suspects and of what lives above them.
  std::vector<std::string> variables;
  Owners owners;
  // Guard: one user's processes must not take the sweep's time and memory. No more than this many of each
  // user, root excepted, are read in full.
  std::uint32_t user_processes = 8192;
  // For command lines and, again, for environments: for one process and for all.
  int timeout_ms = 200;
  int budget_ms = 5000;
};

struct SnapshotCounts {
  std::uint32_t listed = 0, read = 0, gone = 0, denied = 0, malformed = 0, timed_out = 0;
};

// What a first stage knows of a suspect, or of a process above one.
struct ChainProcess : ProcId {
  pid_t ppid = 0;
  uid_t uid = 0;
  bool suspect = false;
};

class SnapshotBuilder;
using SnapshotRest = std::shared_ptr<SnapshotBuilder>;

struct Snapshot {
  std::string boot_id;
  long ticks_per_second = 100;
  std::int64_t uptime_ms = 0, taken_at_ms = 0;
  std::vector<Process> processes;
  std::set<uid_t> over_budget;  // uids of which a budget left something out
  SnapshotCounts counts;
  std::vector<Fault> faults;
  // Of a first stage, which has only ssh servers and what lives above them: what it takes to go on.
  std::vector<ChainProcess> chain;
  SnapshotRest rest;
};

// Fails only when nothing can be known (the proc root cannot be listed, no boot id, no uptime).
Result<Snapshot> take_snapshot(const SnapshotOptions& options);

// Goes on after a first stage, once, without the suspects of the `skipped` users.
Result<Snapshot> finish_snapshot(SnapshotBuilder& rest, const std::vector<uid_t>& skipped);

}  // namespace reaper
