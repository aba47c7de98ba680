// Command lines: those that tell suspects, and in the end those of what is returned.
#include <algorithm>
#include <utility>

#include "core/proc/parse.h"
#include "core/snapshot/survey.h"

namespace reaper {

void Survey::find_suspects() {
  for (const SurveyEntry& entry : entries_)
    if ((entry.suspect || options_.full) && asked(entry.uid)) suspects_.insert(entry.uid);
  if (options_.full) return;  // all of theirs is read anyway

  const std::unordered_set<uid_t> by_exe = suspects_;
  std::vector<SurveyEntry*> doubtful;
  for (SurveyEntry& entry : entries_) {
    const bool kin = by_exe.count(entry.uid) != 0;
    if (!entry.suspect && (kin ? entry.kin_interpreter : entry.interpreter)) doubtful.push_back(&entry);
  }
  ask(doubtful, [this] { read_known(); });

  // The other processes of those whom only a command line gave away.
  doubtful.clear();
  for (SurveyEntry& entry : entries_)
    if (!entry.suspect && entry.kin_interpreter && suspects_.count(entry.uid) != 0 &&
        by_exe.count(entry.uid) == 0)
      doubtful.push_back(&entry);
  ask(doubtful);
}

// An interpreter is a suspect by few marks, so that few users are; with a user who is one, more marks count.
void Survey::ask(const std::vector<SurveyEntry*>& entries, std::function<void()> meanwhile) {
  std::vector<ArgvRequest> requests;
  requests.reserve(entries.size());
  for (const SurveyEntry* entry : entries) requests.push_back({entry->pid, entry->uid});
  const std::unordered_set<uid_t> known = suspects_;
  const std::vector<ArgvResult> results = argv_.read(requests, &out_.faults, std::move(meanwhile));
  std::string line;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const ArgvResult& result = results[i];
    SurveyEntry& entry = *entries[i];
    if (result.status == ArgvStatus::kGone) continue;
    if (result.status == ArgvStatus::kTimeout) timed_out(entry.pid);
    if (result.status == ArgvStatus::kDenied) no_argv(entry.pid, entry.uid);
    // A line that was refused, hidden, cut or never came is not a "no".
    entry.suspect = result.status != ArgvStatus::kRead || result.truncated;
    if (!entry.suspect) {
      line.clear();
      for (const std::string& argument : result.argv) line.append(argument) += ' ';
      const bool kin = known.count(entry.uid) != 0;
      entry.suspect = contains_any(line, kin ? options_.kin_markers : options_.argv_markers);
    }
    if (entry.suspect) suspects_.insert(entry.uid);
  }
}

void Survey::read_argv() {
  std::vector<ArgvRequest> requests;
  for (const std::size_t i : wants_argv_)
    requests.push_back({out_.processes[i].id.pid, out_.processes[i].uid});
  std::vector<ArgvResult> results = argv_.read(requests, &out_.faults);
  std::unordered_set<pid_t> lost;
  for (std::size_t k = 0; k < results.size(); ++k) {
    Process& process = out_.processes[wants_argv_[k]];
    const pid_t pid = process.id.pid;
    process.argv_status = results[k].status;
    process.argv_truncated = results[k].truncated;
    process.argv = std::move(results[k].argv);
    if (process.argv_status == ArgvStatus::kTimeout) timed_out(pid);
    if (process.argv_status == ArgvStatus::kDenied) no_argv(pid, process.uid);
    // The command line was read by pid alone: it counts only if the pid is still the same process.
    std::string_view text;
    const int error = proc_.read_of(pid, "stat", &text);
    note(error);
    const auto stat = error == 0 ? parse_stat(text) : std::nullopt;
    if (is_gone(error) || (stat && stat->start_time != process.id.start_time)) lost.insert(pid);
  }
  out_.counts.gone += static_cast<std::uint32_t>(lost.size());
  const auto is_lost = [&lost](const Process& process) { return lost.count(process.id.pid) != 0; };
  out_.processes.erase(std::remove_if(out_.processes.begin(), out_.processes.end(), is_lost),
                       out_.processes.end());
}

}  // namespace reaper
