// Counts and describes what a snapshot could not read, in that snapshot.
#pragma once

#include <sys/types.h>

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/proc/proc_dir.h"
#include "core/snapshot/snapshot.h"

namespace reaper {

inline constexpr std::size_t kMaxFaults = 400;       // the counts tell about the rest
inline constexpr std::uint32_t kMaxUserFaults = 50;  // one user's faults must not push out another's

class SnapshotReport {
 public:
  SnapshotReport(uid_t observer, Snapshot& out) : observer_(observer), out_(out) {}

  // Root, or the account that acts for root, may read the processes of others; for anyone else a refusal
  // there is not a fault.
  bool expects_access(uid_t uid) const { return observer_ == 0 || observer_ == uid; }
  bool was_denied(pid_t pid) const { return denied_.count(pid) != 0; }
  // The errno of a lack of descriptors or memory, which may have hidden any process; 0: none.
  int exhaustion() const { return exhaustion_; }

  void add_gone() { ++out_.counts.gone; }
  void add_fault(const char* what, pid_t pid, uid_t uid, std::string detail);
  // What reading something of a process gave: an errno, or EBADMSG where the kernel's file is malformed or
  // cut. A refusal is a fault where it is `unexpected`.
  void add_error(const char* what, pid_t pid, uid_t uid, int error, bool unexpected);
  void add_error(const char* what, pid_t pid, uid_t uid, int error) {
    add_error(what, pid, uid, error, expects_access(uid));
  }
  // A user's ssh-agent, and what PAM leaves behind to close their session, hide from that user as well. They
  // could not change that, so only root gets a fault.
  void add_hidden_exe(pid_t pid, uid_t uid, int error) {
    add_error("read the executable's path", pid, uid, error, observer_ == 0);
  }
  void add_argv_denied(pid_t pid, uid_t uid);
  void add_argv_timeout(pid_t pid, uid_t uid);
  // `account`: the user whose budget it is; `uid`: whose process was left out.
  void add_over_budget(uid_t account, uid_t uid, const char* what, std::string detail);
  void note_exhaustion(int error) { exhaustion_ = is_exhausted(error) ? error : exhaustion_; }

 private:
  uid_t observer_;
  Snapshot& out_;
  std::unordered_map<uid_t, std::uint32_t> faults_of_;
  std::unordered_set<pid_t> denied_, malformed_, timed_out_;
  int exhaustion_ = 0;
};

}  // namespace reaper
