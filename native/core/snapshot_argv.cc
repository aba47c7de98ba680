// Command lines: the interpreters' to find users worth a full reading, and in the end those of their
// processes.
#include <algorithm>

#include "core/parse.h"
#include "core/snapshot_survey.h"

namespace reaper {

void Survey::find_suspects() {
  if (options_.full)
    for (const SurveyEntry& entry : entries_)
      if (asked(entry.uid)) suspects_.insert(entry.uid);
  for (const SurveyEntry& entry : entries_)
    if (entry.suspect && asked(entry.uid)) suspects_.insert(entry.uid);

  std::vector<ArgvRequest> requests;
  for (const SurveyEntry& entry : entries_)
    if (entry.interpreter && suspects_.count(entry.uid) == 0) requests.push_back({entry.pid, entry.uid});
  const std::vector<ArgvResult> results = argv_.read(requests, &out_.faults);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const ArgvResult& result = results[i];
    if (result.status == ArgvStatus::kGone) continue;
    if (result.status == ArgvStatus::kTimeout) timed_out(requests[i].pid);
    if (result.status == ArgvStatus::kDenied) no_argv(requests[i].pid, requests[i].uid);
    // A line that was refused, hidden, cut or never came is not a "no": its user is looked at in full.
    bool suspect = result.status != ArgvStatus::kRead || result.truncated;
    if (!suspect) {
      std::string line;
      for (const std::string& argument : result.argv) line += argument + ' ';
      suspect = contains_any(line, options_.argv_markers);
    }
    if (suspect) suspects_.insert(requests[i].uid);
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
