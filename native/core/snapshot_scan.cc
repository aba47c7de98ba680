// The first, cheap look at every process of the host: its owner and its executable's path.
#include <algorithm>

#include "core/parse.h"
#include "core/snapshot_survey.h"

namespace reaper {
namespace {

bool is_one_of(std::string_view name, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool contains_any(std::string_view text, const std::vector<std::string>& markers) {
  return std::any_of(markers.begin(), markers.end(), [text](const std::string& marker) {
    return text.find(marker) != std::string_view::npos;
  });
}

void Survey::look_at_all(const std::vector<pid_t>& pids) {
  out_.counts.listed = static_cast<std::uint32_t>(pids.size());
  entries_.reserve(pids.size());
  for (const pid_t pid : pids) {
    SurveyEntry entry{pid, 0};
    if (const int error = proc_.owner(pid, &entry.uid)) {
      if (is_gone(error))
        ++out_.counts.gone;
      else
        refused("look at the process", pid, 0, error);
      continue;
    }
    look_at_exe(entry);
    entries_.push_back(entry);
  }
}

void Survey::look_at_exe(SurveyEntry& entry) {
  std::string_view exe;
  if (const int error = proc_.link_of(entry.pid, "exe", &exe)) {
    // A kernel thread, a zombie, or gone: the same answer, told apart by whoever reads more.
    if (is_gone(error)) return;
    // Some hosts guard pid 1 from root itself; it is nobody's server and no session's ssh server.
    if (entry.pid == 1) return;
    refused("read the executable's path", entry.pid, entry.uid, error);
    // Unknown is neither "no suspect" nor "no ssh server", where it should have been readable.
    entry.hidden = expects_access(entry.uid);
    entry.suspect = entry.hidden && entry.uid != 0;
    return;
  }
  entry.has_exe = true;
  const std::string_view name = exe_basename(exe);
  entry.sshd = is_one_of(name, options_.sshd_names);
  if (!asked(entry.uid)) return;
  entry.suspect = contains_any(exe, options_.exe_markers);
  entry.interpreter = !entry.suspect && (is_one_of(name, options_.interpreters) ||
                                         is_one_of(without_version(name), options_.interpreters));
}

}  // namespace reaper
