#include "core/snapshot/report.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace reaper {

void SnapshotReport::add_fault(const char* what, pid_t pid, uid_t uid, std::string detail) {
  if (out_.faults.size() < kMaxFaults && faults_of_[uid]++ < kMaxUserFaults)
    out_.faults.push_back({what, pid, std::move(detail)});
}

void SnapshotReport::add_error(const char* what, pid_t pid, uid_t uid, int error, bool unexpected) {
  if (is_gone(error)) return add_gone();
  note_exhaustion(error);
  if (is_denied(error) && denied_.insert(pid).second) ++out_.counts.denied;
  if (error == EBADMSG && malformed_.insert(pid).second) ++out_.counts.malformed;
  if (is_denied(error) && !unexpected) return;
  add_fault(what, pid, uid, error == EBADMSG ? "the kernel's file is malformed or cut" : error_text(error));
}

void SnapshotReport::add_argv_denied(pid_t pid, uid_t uid) {
  if (denied_.insert(pid).second) ++out_.counts.denied;
  if (expects_access(uid)) add_fault("read the command line", pid, uid, "could not be read");
}

void SnapshotReport::add_argv_timeout(pid_t pid, uid_t uid) {
  if (!timed_out_.insert(pid).second) return;
  ++out_.counts.timed_out;
  add_fault("read the command line", pid, uid, "no answer in time");
}

void SnapshotReport::add_over_budget(uid_t account, uid_t uid, const char* what, std::string detail) {
  out_.over_budget.push_back(uid);
  const auto same = [&](const Fault& fault) { return fault.uid == account && fault.what == what; };
  if (std::none_of(out_.faults.begin(), out_.faults.end(), same))
    out_.faults.push_back({what, 0, std::move(detail), account});
}

}  // namespace reaper
