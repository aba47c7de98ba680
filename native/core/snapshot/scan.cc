// The first, cheap look at every process of the host: its owner and its executable's path.
#include <algorithm>

#include "core/base/parallel.h"
#include "core/proc/parse.h"
#include "core/snapshot/survey.h"

namespace reaper {
namespace {

bool is_one_of(std::string_view name, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Also without the version at its end, and by a beginning that is listed with a `*`.
bool is_called(std::string_view name, const std::vector<std::string>& names) {
  const std::string_view bare = without_version(name);
  return std::any_of(names.begin(), names.end(), [&](const std::string& known) {
    if (known == name || known == bare) return true;
    return !known.empty() && known.back() == '*' &&
           name.compare(0, known.size() - 1, known, 0, known.size() - 1) == 0;
  });
}

// Below this many processes a second thread costs more than it saves.
constexpr std::size_t kWorthAThread = 500;

}  // namespace

bool contains_any(std::string_view text, const std::vector<std::string>& markers) {
  return std::any_of(markers.begin(), markers.end(), [text](const std::string& marker) {
    return text.find(marker) != std::string_view::npos;
  });
}

void Survey::add(const SurveyShare& share) {
  entries_.insert(entries_.end(), share.entries.begin(), share.entries.end());
  out_.counts.gone += share.gone;
  for (const auto& [pid, error, exe] : share.refusals)
    if (exe)
      refused_exe(pid, error);
    else
      refused("look at the process", pid, 0, error);
}

void Survey::look_at_all(const std::vector<pid_t>& pids) {
  out_.counts.listed = static_cast<std::uint32_t>(pids.size());
  entries_.reserve(pids.size());
  const pid_t* begin = pids.data();
  const pid_t* end = begin + pids.size();
  if (pids.size() >= kWorthAThread && look_at_halves(begin, end)) return;
  SurveyShare whole;
  look_at_some(proc_, begin, end, whole);
  add(whole);
}

// Two threads with a buffer and a share each, which are put together in the order of pids: the same answer as
// that of one. False, and nothing done, where there may be no second one. It has ended before anything forks.
bool Survey::look_at_halves(const pid_t* begin, const pid_t* end) {
  auto twin = proc_.twin();
  if (!twin) return false;
  ProcDir proc = twin.take();
  const pid_t* middle = begin + (end - begin) / 2;
  SurveyShare first, second;
  first.reserve(static_cast<std::size_t>(middle - begin));
  second.reserve(static_cast<std::size_t>(end - middle));
  if (!in_two_threads([&] { look_at_some(proc_, begin, middle, first); },
                      [&] { look_at_some(proc, middle, end, second); }))
    return false;
  add(first);
  add(second);
  return true;
}

void Survey::look_at_some(ProcDir& proc, const pid_t* begin, const pid_t* end, SurveyShare& share) const {
  for (const pid_t* pid = begin; pid != end; ++pid) {
    SurveyEntry entry;
    entry.pid = *pid;
    if (const int error = proc.owner(*pid, &entry.uid)) {
      if (is_gone(error))
        ++share.gone;
      else
        share.refusals.push_back({*pid, error, false});
      continue;
    }
    look_at_exe(proc, entry, share);
    share.entries.push_back(entry);
  }
}

void Survey::look_at_exe(ProcDir& proc, SurveyEntry& entry, SurveyShare& share) const {
  std::string_view exe;
  if (const int error = proc.link_of(entry.pid, "exe", &exe)) {
    // A kernel thread, a zombie, or gone: the same answer, told apart by whoever reads more.
    if (is_gone(error)) return;
    // Some hosts guard pid 1 from root itself; it is nobody's server and no session's ssh server.
    if (entry.pid == 1) return;
    share.refusals.push_back({entry.pid, error, true});
    // Unknown is neither "no suspect" nor "no ssh server", where it should have been readable.
    entry.hidden = expects_access(entry.uid);
    entry.suspect = entry.hidden && entry.uid != 0;
    return;
  }
  entry.has_exe = true;
  if (share.exe != exe) {
    share.exe.assign(exe);
    share.kind = kind_of(exe);
  }
  // Of users who are not asked about only the ssh servers count.
  static_cast<ExeKind&>(entry) = asked(entry.uid) ? share.kind : ExeKind{share.kind.sshd};
}

ExeKind Survey::kind_of(std::string_view exe) const {
  const std::string_view name = exe_basename(exe);
  ExeKind kind;
  kind.sshd = is_one_of(name, options_.sshd_names);
  kind.suspect = contains_any(exe, options_.exe_markers);
  if (kind.suspect) return kind;
  kind.interpreter = is_called(name, options_.interpreters);
  kind.kin_interpreter = is_called(name, options_.kin_interpreters);
  return kind;
}

}  // namespace reaper
