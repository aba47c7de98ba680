// Builds one snapshot; the steps are in the order of `begin`, `first_stage` and `finish`. For the files of
// this room alone.
#pragma once

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/killable/argv.h"
#include "core/snapshot/report.h"
#include "core/snapshot/snapshot.h"

namespace reaper {

// What the path of an executable says. An interpreter may be a suspect by its command line.
struct ExeKind {
  bool sshd = false, suspect = false, interpreter = false, wide_interpreter = false;
};

// A process as the first, cheap pass sees it.
struct ScanEntry : ExeKind {
  pid_t pid = 0;
  uid_t uid = 0;
  bool has_exe = false;  // false: a kernel thread, a zombie, or hidden
  bool hidden = false;   // the executable could not be read although this program should be able to
};

bool contains_any(std::string_view text, const std::vector<std::string>& markers);

class SnapshotBuilder {
 public:
  SnapshotBuilder(const SnapshotOptions& options, ProcDir proc)
      : options_(options),
        proc_(std::move(proc)),
        report_(options.observer, out_),
        argv_(proc_.fd(), options.argv_timeout_ms, options.argv_budget_ms, options.owners) {}

  // The scan; then, where it is staged and found suspects, the first stage; then the rest.
  std::optional<Failure> begin();
  bool has_suspects() const { return !suspect_uids_.empty(); }
  Result<Snapshot> first_stage();
  // Leaves out the suspects of the `settled` users.
  Result<Snapshot> finish(const std::vector<uid_t>& settled = {});

 private:
  // snapshot.cc
  std::optional<Failure> read_host();
  // scan.cc: every process of the host. `pids` is sorted, and so are the entries
  void scan(const std::vector<pid_t>& pids);
  void scan_exe(ScanEntry& entry);
  ExeKind kind_of(std::string_view exe);
  // match_argv.cc: which users have a suspect, and which of their interpreters are suspects
  void find_suspects();
  void match_shells();
  void match_command_lines(const std::vector<ScanEntry*>& entries);
  // select.cc: which processes are read in full
  void read_sshd();
  std::vector<ChainProcess> read_chains();
  void read_suspects();
  void read_descendants();
  void read_ancestors();
  void read_full(pid_t pid, uid_t owner, bool wants_argv);
  pid_t read_parent(const ScanEntry& entry);
  // read_process.cc: everything but the command line. False: gone, or unreadable, which the report describes
  bool read_process(pid_t pid, uid_t owner, Process& process);
  void read_links(int folder, Process& process);
  // match_argv.cc
  void read_argv();
  void report_argv(const ArgvResult& result, pid_t pid, uid_t uid);

  bool is_suspect(const ScanEntry& entry) const {
    return entry.suspect && suspect_uids_.count(entry.uid) != 0;
  }

  const SnapshotOptions options_;
  ProcDir proc_;
  Snapshot out_;
  SnapshotReport report_;
  ArgvReader argv_;
  std::string own_user_ns_, own_pid_ns_;
  std::vector<ScanEntry> entries_;
  std::unordered_map<std::string, ExeKind> kinds_;
  std::unordered_set<uid_t> suspect_uids_;
  std::unordered_map<pid_t, std::size_t> index_;  // pid to its place in out_.processes
  std::unordered_set<pid_t> tried_;
  std::unordered_map<uid_t, std::uint32_t> read_of_;  // processes read in full, per account
  std::vector<std::size_t> wants_argv_;
};

}  // namespace reaper
