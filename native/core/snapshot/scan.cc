// The first, cheap pass over every process of the host.
#include <algorithm>
#include <cerrno>

#include "core/snapshot/builder.h"

namespace reaper {
namespace {

bool begins_with_any(std::string_view name, const std::vector<std::string>& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(), [name](const std::string& beginning) {
    return name.compare(0, beginning.size(), beginning) == 0;
  });
}

bool contains_any(std::string_view text, const std::vector<std::string>& markers) {
  return std::any_of(markers.begin(), markers.end(), [text](const std::string& marker) {
    return text.find(marker) != std::string_view::npos;
  });
}

}  // namespace

// Looks at each path once: many processes share few, and to search one for all markers takes longer than to
// read it.
ExeKind SnapshotBuilder::kind_of(std::string_view exe) {
  const std::string path(exe);
  if (const auto known = kinds_.find(path); known != kinds_.end()) return known->second;
  const std::string_view name = exe_basename(exe);
  const auto& sshd = options_.sshd_names;
  ExeKind kind;
  kind.sshd = std::find(sshd.begin(), sshd.end(), name) != sshd.end();
  kind.suspect = contains_any(exe, options_.exe_markers);
  kind.interpreter = !kind.suspect && begins_with_any(name, options_.interpreters);
  // Guard: users choose the paths, and can make thousands of long ones.
  if (path.size() < 256) kinds_.emplace(path, kind);
  return kind;
}

void SnapshotBuilder::scan_exe(ScanEntry& entry) {
  if (!expects_access(entry.uid)) return;  // to ask in vain takes as long as to ask
  std::string_view exe;
  const int error = proc_.link_of(entry.pid, "exe", &exe);
  if (error == 0) {
    static_cast<ExeKind&>(entry) = kind_of(exe);
    entry.has_exe = true;
    return;
  }
  // A kernel thread, a zombie, or gone: a later read shows which. Some hosts guard pid 1 from root itself,
  // and it is neither a server nor an ssh server.
  if (is_gone(error) || entry.pid == 1) return;
  add_hidden_exe(entry.pid, entry.uid, error);
  // Guard: what is hidden may be a server or an ssh server.
  entry.hidden = true;
  entry.suspect = entry.uid != 0;
}

void SnapshotBuilder::scan(const std::vector<pid_t>& pids) {
  for (const pid_t pid : pids) {
    ScanEntry entry;
    entry.pid = pid;
    if (const int error = proc_.owner(pid, &entry.uid)) {
      add_error("read the owner of the process", pid, 0, error);
      continue;
    }
    scan_exe(entry);
    entries_.push_back(entry);
  }
  if (!options_.full) match_command_lines();
  for (const ScanEntry& entry : entries_)
    if ((entry.suspect || options_.full) && asks_for(entry.uid)) suspect_uids_.insert(entry.uid);
}

// Makes suspects of the interpreters whose command line holds a marker.
void SnapshotBuilder::match_command_lines() {
  std::vector<ScanEntry*> asked;
  std::vector<ArgvRequest> requests;
  for (ScanEntry& entry : entries_) {
    if (!entry.interpreter || !asks_for(entry.uid)) continue;
    asked.push_back(&entry);
    requests.push_back({entry.pid, owners_.of(entry.uid, proc_.fd(), entry.pid)});
  }
  const std::vector<ArgvResult> results = reaper::read_argv(argv_, requests, &out_.faults);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto& [status, error, argv, truncated] = results[i];
    if (status == ArgvStatus::kGone) continue;
    report_argv(results[i], asked[i]->pid, asked[i]->uid);
    asked[i]->suspect = may_hold_marker(status, truncated, argv);
  }
}

// Guard: a line that was refused, hidden, cut or never came may hold a marker.
bool SnapshotBuilder::may_hold_marker(ArgvStatus status, bool truncated,
                                      const std::vector<std::string>& argv) const {
  if (status != ArgvStatus::kRead || truncated) return true;
  std::string line;
  for (const std::string& argument : argv) line.append(argument) += ' ';
  return contains_any(line, options_.argv_markers);
}

}  // namespace reaper
