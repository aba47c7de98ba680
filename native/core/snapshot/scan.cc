#include "core/snapshot/scan.h"

#include <algorithm>

#include "core/proc/parse.h"

namespace reaper {
namespace {

bool is_one_of(std::string_view name, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Compares also without the version at the end of `name`, and by its beginning where a known name ends in
// `*`.
bool is_called(std::string_view name, const std::vector<std::string>& names) {
  const std::string_view bare = without_version(name);
  return std::any_of(names.begin(), names.end(), [&](const std::string& known) {
    if (known == name || known == bare) return true;
    return !known.empty() && known.back() == '*' &&
           name.compare(0, known.size() - 1, known, 0, known.size() - 1) == 0;
  });
}

ExeKind classify_exe(std::string_view exe, const SnapshotOptions& options) {
  const std::string_view name = exe_basename(exe);
  ExeKind kind;
  kind.sshd = is_one_of(name, options.sshd_names);
  kind.suspect = contains_any(exe, options.exe_markers);
  if (kind.suspect) return kind;
  kind.interpreter = is_called(name, options.interpreters);
  kind.wide_interpreter = is_called(name, options.wide_interpreters);
  return kind;
}

void scan_exe(ProcDir& proc, const SnapshotOptions& options, ScanEntry& entry, SnapshotReport& report) {
  std::string_view exe;
  const int error = proc.link_of(entry.pid, "exe", &exe);
  if (error == 0) {
    entry.has_exe = true;
    const ExeKind kind = classify_exe(exe, options);
    // Of users who are not asked for only ssh servers count.
    static_cast<ExeKind&>(entry) = options.asks_for(entry.uid) ? kind : ExeKind{kind.sshd};
    return;
  }
  // A kernel thread, a zombie, or gone: a later read tells which. Some hosts guard pid 1 from root itself,
  // and it is neither a server nor an ssh server.
  if (is_gone(error) || entry.pid == 1) return;
  report.add_hidden_exe(entry.pid, entry.uid, error);
  // Guard: what is hidden may be a server or an ssh server.
  entry.hidden = report.expects_access(entry.uid);
  entry.suspect = entry.hidden && entry.uid != 0;
}

}  // namespace

std::vector<ScanEntry> scan_all(ProcDir& proc, const SnapshotOptions& options, const std::vector<pid_t>& pids,
                                SnapshotReport& report) {
  std::vector<ScanEntry> entries;
  entries.reserve(pids.size());
  for (const pid_t pid : pids) {
    ScanEntry entry;
    entry.pid = pid;
    if (const int error = proc.owner(pid, &entry.uid)) {
      report.add_error("read the owner of the process", pid, 0, error);
      continue;
    }
    scan_exe(proc, options, entry, report);
    entries.push_back(entry);
  }
  return entries;
}

bool contains_any(std::string_view text, const std::vector<std::string>& markers) {
  return std::any_of(markers.begin(), markers.end(), [text](const std::string& marker) {
    return text.find(marker) != std::string_view::npos;
  });
}

}  // namespace reaper
