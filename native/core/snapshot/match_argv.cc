// Reads command lines: first those that may make an interpreter a suspect, in the end those of what is
// returned.
#include <algorithm>
#include <string>
#include <utility>

#include "core/snapshot/builder.h"

namespace reaper {

void SnapshotBuilder::find_suspects() {
  for (const ScanEntry& entry : entries_)
    if ((entry.suspect || options_.full) && options_.asks_for(entry.uid)) suspect_uids_.insert(entry.uid);
  if (options_.full) return;  // all of their processes are read anyway

  const std::unordered_set<uid_t> by_exe = suspect_uids_;
  std::vector<ScanEntry*> doubtful;
  for (ScanEntry& entry : entries_) {
    const bool wide = by_exe.count(entry.uid) != 0 && !options_.staged;
    if (!entry.suspect && (wide ? entry.wide_interpreter : entry.interpreter)) doubtful.push_back(&entry);
  }
  match_command_lines(doubtful);

  // Processes of users whose suspects only a command line shows.
  doubtful.clear();
  for (ScanEntry& entry : entries_)
    if (!entry.suspect && (options_.staged ? entry.interpreter : entry.wide_interpreter) &&
        suspect_uids_.count(entry.uid) != 0 && by_exe.count(entry.uid) == 0)
      doubtful.push_back(&entry);
  match_command_lines(doubtful);
}

// What a first stage left: the shells of users who have a suspect.
void SnapshotBuilder::match_shells() {
  std::vector<ScanEntry*> shells;
  for (ScanEntry& entry : entries_)
    if (!entry.suspect && entry.wide_interpreter && !entry.interpreter && suspect_uids_.count(entry.uid) != 0)
      shells.push_back(&entry);
  match_command_lines(shells);
}

// Few markers make an interpreter of any user a suspect; more of them do for a user who has a suspect.
void SnapshotBuilder::match_command_lines(const std::vector<ScanEntry*>& entries) {
  std::vector<ArgvRequest> requests;
  requests.reserve(entries.size());
  for (const ScanEntry* entry : entries) requests.push_back({entry->pid, entry->uid});
  const std::unordered_set<uid_t> known = suspect_uids_;
  const std::vector<ArgvResult> results = argv_.read(requests, &out_.faults);
  std::string line;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const ArgvResult& result = results[i];
    ScanEntry& entry = *entries[i];
    if (result.status == ArgvStatus::kGone) continue;
    report_argv(result, entry.pid, entry.uid);
    // Guard: a line that was refused, hidden, cut or never came may hold a marker.
    entry.suspect = result.status != ArgvStatus::kRead || result.truncated;
    if (!entry.suspect) {
      line.clear();
      for (const std::string& argument : result.argv) line.append(argument) += ' ';
      const bool wide = known.count(entry.uid) != 0;
      entry.suspect = contains_any(line, wide ? options_.wide_markers : options_.argv_markers);
    }
    if (entry.suspect) suspect_uids_.insert(entry.uid);
  }
}

void SnapshotBuilder::read_argv() {
  std::vector<ArgvRequest> requests;
  for (const std::size_t i : wants_argv_) requests.push_back({out_.processes[i].pid, out_.processes[i].uid});
  std::vector<ArgvResult> results = argv_.read(requests, &out_.faults);
  std::unordered_set<pid_t> lost;
  for (std::size_t k = 0; k < results.size(); ++k) {
    Process& process = out_.processes[wants_argv_[k]];
    const pid_t pid = process.pid;
    report_argv(results[k], pid, process.uid);
    process.argv_status = results[k].status;
    process.argv_truncated = results[k].truncated;
    process.argv = std::move(results[k].argv);
    // Guard: the command line was read by pid alone; it counts only if the pid is still the same process.
    Stat stat;
    const int error = proc_.read_stat(pid, -1, &stat);
    report_.note_exhaustion(error);
    if (!is_gone(error) && !(error == 0 && stat.start_time != process.start_time)) continue;
    if (lost.insert(pid).second) report_.add_gone();
  }
  const auto is_lost = [&lost](const Process& process) { return lost.count(process.pid) != 0; };
  out_.processes.erase(std::remove_if(out_.processes.begin(), out_.processes.end(), is_lost),
                       out_.processes.end());
}

void SnapshotBuilder::report_argv(const ArgvResult& result, pid_t pid, uid_t uid) {
  if (result.over_budget)
    report_.add_over_budget(options_.owners.of(uid), uid, "read command lines",
                            "they exceed 8 MiB for this user; the rest was not read");
  else if (result.status == ArgvStatus::kDenied)
    report_.add_argv_denied(pid, uid);
  if (result.status == ArgvStatus::kTimeout) report_.add_argv_timeout(pid, uid);
}

}  // namespace reaper
