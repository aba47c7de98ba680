// Builds one snapshot; the steps are in the order of `build`. For the files of this room alone.
#pragma once

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/killable/argv.h"
#include "core/proc/proc_dir.h"
#include "core/snapshot/read_process.h"
#include "core/snapshot/report.h"
#include "core/snapshot/scan.h"
#include "core/snapshot/snapshot.h"

namespace reaper {

class SnapshotBuilder {
 public:
  SnapshotBuilder(const SnapshotOptions& options, ProcDir& proc)
      : options_(options),
        proc_(proc),
        report_(options.observer),
        argv_(proc.fd(), options.argv_timeout_ms, options.argv_budget_ms, options.owners),
        reader_(proc, report_) {}

  Result<Snapshot> build();

 private:
  // snapshot.cc
  std::optional<Failure> read_host();
  void check_capabilities();
  // match_argv.cc: which users have a suspect, and which of their interpreters are suspects
  void find_suspects();
  void match_command_lines(const std::vector<ScanEntry*>& entries);
  // select.cc: which processes are read in full
  void read_suspects();
  void read_descendants();
  void read_ancestors();
  void read_full(pid_t pid, uid_t owner, bool wants_argv);
  pid_t read_parent(const ScanEntry& entry);
  // match_argv.cc
  void read_argv();
  void report_argv(const ArgvResult& result, pid_t pid, uid_t uid);

  bool is_suspect(const ScanEntry& entry) const {
    return entry.suspect && suspect_uids_.count(entry.uid) != 0;
  }

  const SnapshotOptions& options_;
  ProcDir& proc_;
  SnapshotReport report_;
  ArgvReader argv_;
  ProcessReader reader_;
  std::vector<ScanEntry> entries_;
  std::unordered_set<uid_t> suspect_uids_;
  std::unordered_map<pid_t, std::size_t> index_;  // pid to its place in out_.processes
  std::unordered_set<pid_t> tried_;
  std::unordered_map<uid_t, std::uint32_t> read_of_;  // processes read in full, per account
  std::vector<std::size_t> wants_argv_;
  Snapshot out_;
};

}  // namespace reaper
