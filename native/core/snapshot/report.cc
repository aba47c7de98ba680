// Counts and describes what a snapshot could not read, in that snapshot.
#include <algorithm>
#include <cerrno>

#include "core/snapshot/builder.h"

namespace reaper {
namespace {

constexpr std::size_t kMaxFaults = 400;       // the counts tell about the rest
constexpr std::uint32_t kMaxUserFaults = 50;  // one user's faults must not push out another's

}  // namespace

void SnapshotBuilder::count_once(std::uint32_t& counter, pid_t pid) {
  if (reported_.emplace(&counter, pid).second) ++counter;
}

void SnapshotBuilder::add_error(const char* what, pid_t pid, uid_t uid, int error, bool unexpected) {
  if (is_gone(error)) return void(++out_.counts.gone);
  if (is_exhausted(error)) exhaustion_ = error;
  if (is_denied(error)) count_once(out_.counts.denied, pid);
  if (error == EBADMSG) count_once(out_.counts.malformed, pid);
  if (error == ETIMEDOUT) count_once(out_.counts.timed_out, pid);
  if ((is_denied(error) && !unexpected) || !reported_.emplace(what, pid).second) return;
  if (out_.faults.size() >= kMaxFaults || faults_of_[uid]++ >= kMaxUserFaults) return;
  out_.faults.push_back({what, pid, error_text(error)});
}

void SnapshotBuilder::add_over_budget(uid_t uid, const char* what, std::string detail) {
  out_.over_budget.push_back(uid);
  const uid_t account = options_.owners.of(uid);
  const auto same = [&](const Fault& fault) { return fault.uid == account && fault.what == what; };
  if (std::none_of(out_.faults.begin(), out_.faults.end(), same))
    out_.faults.push_back({what, 0, std::move(detail), account});
}

}  // namespace reaper
