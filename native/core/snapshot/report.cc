#include "core/snapshot/report.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/proc/proc_dir.h"

namespace reaper {

void SnapshotReport::add_fault(const char* what, pid_t pid, uid_t uid, std::string detail) {
  if (faults_.size() < kMaxFaults && faults_of_[uid]++ < kMaxUserFaults)
    faults_.push_back({what, pid, std::move(detail)});
}

void SnapshotReport::add_error(const char* what, pid_t pid, uid_t uid, int error, bool unexpected) {
  if (is_gone(error)) return add_gone();
  note_exhaustion(error);
  if (is_denied(error) && denied_.insert(pid).second) ++counts_.denied;
  if (error == EBADMSG && malformed_.insert(pid).second) ++counts_.malformed;
  if (is_denied(error) && !unexpected) return;
  add_fault(what, pid, uid, error == EBADMSG ? "the kernel's file is malformed or cut" : error_text(error));
}

void SnapshotReport::add_argv_denied(pid_t pid, uid_t uid) {
  if (denied_.insert(pid).second) ++counts_.denied;
  if (expects_access(uid)) add_fault("read the command line", pid, uid, "could not be read");
}

void SnapshotReport::add_argv_timeout(pid_t pid, uid_t uid) {
  if (!timed_out_.insert(pid).second) return;
  ++counts_.timed_out;
  add_fault("read the command line", pid, uid, "no answer in time");
}

void SnapshotReport::add_over_budget(uid_t account, uid_t uid, const char* what, std::string detail) {
  const auto same = [&](const Fault& fault) { return fault.uid == account && fault.what == what; };
  over_budget_.insert({account, uid});
  if (std::none_of(budget_faults_.begin(), budget_faults_.end(), same))
    budget_faults_.push_back({what, 0, std::move(detail), account});
}

void SnapshotReport::note_exhaustion(int error) {
  if (is_exhausted(error)) exhaustion_ = error;
}

void SnapshotReport::write_to(Snapshot& snapshot, std::uint32_t listed) {
  snapshot.counts = counts_;
  snapshot.counts.listed = listed;
  snapshot.counts.read = static_cast<std::uint32_t>(snapshot.processes.size());
  snapshot.over_budget.assign(over_budget_.begin(), over_budget_.end());
  std::sort(snapshot.over_budget.begin(), snapshot.over_budget.end());
  snapshot.faults = std::move(faults_);
  std::move(budget_faults_.begin(), budget_faults_.end(), std::back_inserter(snapshot.faults));
}

}  // namespace reaper
