// Reads everything about one process; the command lines in the end, for they may take long. Counts and
// describes what could not be read.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>

#include "core/snapshot/builder.h"

namespace reaper {
namespace {

constexpr std::size_t kMaxFaults = 400;       // the counts tell about the rest
constexpr std::uint32_t kMaxUserFaults = 50;  // one user's faults must not push out another's

}  // namespace

bool SnapshotBuilder::read_process(pid_t pid, uid_t owner, Process& process) {
  UniqueFd folder;
  process.uid = owner;
  // The folder is opened first, so everything read below it is of one process, or fails.
  int error = proc_.pin(pid, &folder);
  if (error == 0) error = proc_.read_stat(pid, folder.get(), &process);
  if (error != 0) {
    add_error("read the process", pid, owner, error);
    return false;
  }
  static const std::int64_t kPageKib = sysconf(_SC_PAGESIZE) / 1024;
  process.rss_kib = process.rss_pages * kPageKib;

  // True: the file is absent, which in a kernel without cgroups or without audit is not a fault.
  const auto read_file = [&](const char* file, const char* what, auto parse, auto& field) {
    std::string_view text;
    const int failed = proc_.read(folder.get(), file, &text);
    if (failed == 0) field = parse(text);
    if (!field && !is_gone(failed)) add_error(what, pid, process.uid, failed == 0 ? EBADMSG : failed);
    return is_gone(failed);
  };
  const auto parse_status = [&process](std::string_view text) {
    process.ignores_hangup = parse_status_ignores_hangup(text);
    return parse_status_uids(text);
  };
  read_file("status", "read the status", parse_status, process.uids);
  if (process.uids) process.uid = (*process.uids)[1];
  if (read_file("cgroup", "read the cgroups", parse_cgroups, process.cgroups)) process.cgroups.emplace();
  read_file("loginuid", "read the audit session", parse_id, process.login_uid);
  read_file("sessionid", "read the audit session", parse_id, process.audit_session);
  for (auto* id : {&process.login_uid, &process.audit_session})
    if (*id == kUnsetId) id->reset();
  read_links(folder.get(), process);
  return true;
}

void SnapshotBuilder::read_links(int folder, Process& process) {
  std::string_view target;
  const int error = proc_.link(folder, "exe", &target);
  if (error == 0) {
    process.exe = std::string(target);
  } else if (!is_gone(error)) {
    process.exe_unreadable = error == ENAMETOOLONG ? ExeUnreadable::kTooLong : ExeUnreadable::kDenied;
    if (process.pid != 1) add_hidden_exe(process.pid, process.uid, error);
  }
  std::optional<bool>* const foreign[] = {&process.foreign_user_ns, &process.foreign_pid_ns,
                                          &process.foreign_mnt_ns};
  for (std::size_t i = 0; i < kSpaces.size(); ++i)
    if (!own_spaces_[i].empty() && proc_.link(folder, std::strchr(kSpaces[i], '/') + 1, &target) == 0)
      *foreign[i] = target != own_spaces_[i];
}

void SnapshotBuilder::read_argv() {
  std::vector<ArgvRequest> requests;
  for (const std::size_t i : wants_argv_)
    requests.push_back({out_.processes[i].pid, payer_of(out_.processes[i])});
  std::vector<ArgvResult> results = reaper::read_argv(argv_, requests, &out_.faults);
  for (std::size_t k = 0; k < results.size(); ++k) {
    Process& process = out_.processes[wants_argv_[k]];
    report_argv(results[k], process.pid, real_uid_of(process));
    process.argv_status = results[k].status;
    process.argv_truncated = results[k].truncated;
    process.argv = std::move(results[k].argv);
  }
}

void SnapshotBuilder::read_environ() {
  if (options_.variables.empty()) return;
  const std::unordered_set<pid_t> leaders = possible_leaders();
  std::vector<MemoryRequest> requests;
  std::vector<Process*> asked;
  for (const std::size_t i : wants_argv_) {
    Process& process = out_.processes[i];
    if (leaders.count(process.pid) == 0) continue;
    process.variables_asked = true;
    // Guard: a process whose command line hung would hang again, and is reported already.
    if (process.argv_status == ArgvStatus::kTimeout) continue;
    asked.push_back(&process);
    requests.push_back({std::to_string(process.pid) + "/environ", payer_of(process)});
  }
  std::vector<int> errors(requests.size(), ETIMEDOUT);
  const auto on_answer = [&](std::size_t i, int error, std::string_view text) {
    if (error == 0) asked[i]->variables = names_met(text, options_.variables);
    errors[i] = error == 0 && !asked[i]->variables ? EBADMSG : error;
  };
  environ_.read(requests, on_answer, &out_.faults);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const uid_t payer = requests[i].account;
    if (errors[i] == EDQUOT)
      add_users_fault(payer, "read environments", "they exceed 64 MiB for this user; the rest was not read");
    else if (errors[i] != 0 && !is_gone(errors[i]))
      add_error("read the environment", asked[i]->pid, payer, errors[i]);
  }
}

// Guard: command lines and environments were read by pid alone; they count only if the pid is still the same
// process.
void SnapshotBuilder::drop_recycled() {
  std::unordered_set<pid_t> lost;
  for (const std::size_t i : wants_argv_) {
    const auto& [pid, uid, start_time] =
        std::tie(out_.processes[i].pid, out_.processes[i].uid, out_.processes[i].start_time);
    Stat stat;
    int error = proc_.read_stat(pid, -1, &stat);
    if (error == 0 && stat.start_time != start_time) error = ESRCH;
    if (error != 0) add_error("read the process again", pid, uid, error);
    if (is_gone(error)) lost.insert(pid);
  }
  const auto is_lost = [&lost](const Process& process) { return lost.count(process.pid) != 0; };
  out_.processes.erase(std::remove_if(out_.processes.begin(), out_.processes.end(), is_lost),
                       out_.processes.end());
}

void SnapshotBuilder::report_argv(const ArgvResult& result, pid_t pid, uid_t uid) {
  // Guard: what the budget left out was not denied, or one user's many processes would trip the breaker for
  // all.
  if (result.error == EDQUOT)
    return add_over_budget(uid, "read command lines",
                           "they exceed 8 MiB for this user; the rest was not read");
  if (result.error != 0 && !is_gone(result.error)) add_error("read the command line", pid, uid, result.error);
  if (result.status == ArgvStatus::kDenied) count_once(out_.counts.denied, pid);
}

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
  out_.over_budget.insert(uid);
  add_users_fault(uid, what, std::move(detail));
}

// Says once what one user's doing is.
void SnapshotBuilder::add_users_fault(uid_t uid, const char* what, std::string detail) {
  const uid_t account = owners_.of(uid);
  const auto same = [&](const Fault& fault) { return fault.uid == account && fault.what == what; };
  if (std::none_of(out_.faults.begin(), out_.faults.end(), same))
    out_.faults.push_back({what, 0, std::move(detail), account});
}

}  // namespace reaper
