// Builds one snapshot; the steps are in the order of `begin`, `first_stage` and `finish`. For the files of
// this room alone.
#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/killable/argv.h"
#include "core/killable/environ.h"
#include "core/proc/proc_dir.h"
#include "core/snapshot/snapshot.h"

namespace reaper {

// This program's user and pid namespaces, and the mount namespace of process 1: the unit has one of its own.
inline constexpr std::array<const char*, 3> kSpaces = {"self/ns/user", "self/ns/pid", "1/ns/mnt"};

// What the path of an executable says. An interpreter may be a suspect by its command line.
struct ExeKind {
  bool sshd = false, suspect = false, interpreter = false;
};

// A process as the first, cheap pass sees it.
struct ScanEntry : ExeKind {
  pid_t pid = 0;
  uid_t uid = 0;
  bool has_exe = false;  // false: a kernel thread, a zombie, or hidden
  bool hidden = false;   // the executable could not be read although this program should be able to
};

class SnapshotBuilder {
 public:
  SnapshotBuilder(const SnapshotOptions& options, ProcDir proc)
      : options_(options),
        proc_(std::move(proc)),
        argv_(kCmdline, proc_.fd(), options.timeout_ms, options.budget_ms),
        environ_(environ_file(options_.variables), proc_.fd(), options.timeout_ms, options.budget_ms),
        owners_(options.owners) {}

  // The scan; then, where it is staged and found suspects, the first stage; then the rest.
  std::optional<Failure> begin();
  bool has_suspects() const { return !suspect_uids_.empty(); }
  Result<Snapshot> first_stage();
  Result<Snapshot> finish(const std::vector<uid_t>& skipped);

 private:
  // scan.cc: every process of the host, and which users have a suspect. `pids` is sorted, and so are entries_
  void scan(const std::vector<pid_t>& pids);
  void scan_exe(ScanEntry& entry);
  ExeKind kind_of(std::string_view exe);
  bool asks_for(uid_t uid) const { return !options_.uids || options_.uids->count(uid) != 0; }
  void match_command_lines();
  bool may_hold_marker(ArgvStatus status, bool truncated, const std::vector<std::string>& argv) const;
  // select.cc: which processes are read in full
  void read_sshd();
  std::vector<ChainProcess> read_chains();
  void read_trees();
  void read_ancestors();
  void read_full(pid_t pid, uid_t owner, bool wants_argv);
  pid_t read_parent(const ScanEntry& entry);
  std::unordered_set<pid_t> possible_leaders() const;
  // read_process.cc. False: gone, or unreadable, which the report describes
  bool read_process(pid_t pid, uid_t owner, Process& process);
  void read_links(int folder, Process& process);
  void read_argv();
  void read_environ();
  void drop_recycled();
  void report_argv(const ArgvResult& result, pid_t pid, uid_t uid);
  // What reading something of a process gave: an errno, ETIMEDOUT for no answer, or EBADMSG where
  // the kernel's file is malformed or cut. A refusal is a fault where it is `unexpected`.
  void add_error(const char* what, pid_t pid, uid_t uid, int error, bool unexpected);
  void add_error(const char* what, pid_t pid, uid_t uid, int error) {
    add_error(what, pid, uid, error, expects_access(uid));
  }
  // A user's ssh-agent, and what PAM leaves behind to close their session, hide from that user as well. They
  // could not change that, so only root gets a fault.
  void add_hidden_exe(pid_t pid, uid_t uid, int error) {
    // One text for the scan and the reading: what was reported is known by its address.
    static constexpr char kWhat[] = "read the executable's path";
    add_error(kWhat, pid, uid, error, options_.observer == 0);
  }
  void add_over_budget(uid_t uid, const char* what, std::string detail);
  void add_users_fault(uid_t uid, const char* what, std::string detail);
  void count_once(std::uint32_t& counter, pid_t pid);
  // Root, or the account that acts for root, may read the processes of others; for anyone else a refusal
  // there is not a fault.
  bool expects_access(uid_t uid) const { return options_.observer == 0 || options_.observer == uid; }

  bool is_suspect(const ScanEntry& entry) const {
    return (entry.suspect || options_.full) && suspect_uids_.count(entry.uid) != 0;
  }
  // Guard: one user's set-uid programs must not use up another's budgets, so the real uid pays.
  static uid_t real_uid_of(const Process& process) { return process.uids ? (*process.uids)[0] : process.uid; }
  uid_t payer_of(const Process& process) const { return owners_.of(real_uid_of(process)); }

  const SnapshotOptions options_;
  ProcDir proc_;
  Snapshot out_;
  MemoryReader argv_, environ_;
  Owners owners_;
  std::array<std::string, kSpaces.size()> own_spaces_;  // empty: not known
  std::vector<ScanEntry> entries_;
  std::unordered_map<std::string, ExeKind> kinds_;
  std::unordered_set<uid_t> suspect_uids_;
  std::unordered_map<pid_t, std::size_t> index_;  // pid to its place in out_.processes
  std::unordered_set<pid_t> tried_;
  std::unordered_map<uid_t, std::uint32_t> read_of_;  // processes read in full, per account
  std::vector<std::size_t> wants_argv_;
  std::unordered_map<uid_t, std::uint32_t> faults_of_;
  std::set<std::pair<const void*, pid_t>> reported_;  // counters and faults that have this process
  int exhaustion_ = 0;  // the errno of a lack of descriptors or memory, which may have hidden any process
};

}  // namespace reaper
