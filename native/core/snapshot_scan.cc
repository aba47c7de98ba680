// The first, cheap look at every process of the host: its owner and its executable's path.
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>

#include "core/parse.h"
#include "core/snapshot_survey.h"

namespace reaper {
namespace {

bool is_one_of(std::string_view name, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Below this many processes a second thread costs more than it saves.
constexpr std::size_t kWorthAThread = 500;

bool has_two_cpus() {
  cpu_set_t cpus;
  return sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) >= 2;
}

// A thread that takes no signal of the host program's; 0 or an errno (EAGAIN: no more threads are allowed).
int start_thread(void* (*body)(void*), void* argument, pthread_t* thread) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(thread, nullptr, body, argument);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

}  // namespace

bool contains_any(std::string_view text, const std::vector<std::string>& markers) {
  return std::any_of(markers.begin(), markers.end(), [text](const std::string& marker) {
    return text.find(marker) != std::string_view::npos;
  });
}

void Survey::add(const SurveyShare& share) {
  entries_.insert(entries_.end(), share.entries.begin(), share.entries.end());
  out_.counts.gone += share.gone;
  for (const auto& [what, pid, uid, error] : share.refusals) refused(what, pid, uid, error);
}

void Survey::look_at_all(const std::vector<pid_t>& pids) {
  out_.counts.listed = static_cast<std::uint32_t>(pids.size());
  entries_.reserve(pids.size());
  const pid_t* begin = pids.data();
  const pid_t* end = begin + pids.size();
  if (pids.size() >= kWorthAThread && has_two_cpus() && look_at_halves(begin, end)) return;
  SurveyShare whole;
  look_at_some(proc_, begin, end, whole);
  add(whole);
}

// Two threads with a buffer and a share each, which are put together in the order of pids: the same answer as
// that of one. False, and nothing done, where there may be no second one. It has ended before anything forks.
bool Survey::look_at_halves(const pid_t* begin, const pid_t* end) {
  struct Task {
    const Survey& survey;
    ProcDir proc;
    const pid_t *begin, *end;
    SurveyShare share;
  };
  auto twin = proc_.twin();
  if (!twin) return false;
  const pid_t* middle = begin + (end - begin) / 2;
  SurveyShare first;
  Task second{*this, twin.take(), middle, end, {}};
  // Guard: nothing is allocated in the thread, where lack of memory could not be told.
  second.share.entries.reserve(static_cast<std::size_t>(end - middle));
  second.share.refusals.reserve(static_cast<std::size_t>(end - middle));
  const auto body = [](void* argument) -> void* {
    auto& task = *static_cast<Task*>(argument);
    task.survey.look_at_some(task.proc, task.begin, task.end, task.share);
    return nullptr;
  };
  // Here as well: an exception of this thread's would leave the other one with nothing to write to.
  first.entries.reserve(static_cast<std::size_t>(middle - begin));
  first.refusals.reserve(static_cast<std::size_t>(middle - begin));
  pthread_t thread;
  if (start_thread(body, &second, &thread) != 0) return false;
  look_at_some(proc_, begin, middle, first);
  pthread_join(thread, nullptr);
  add(first);
  add(second.share);
  return true;
}

void Survey::look_at_some(ProcDir& proc, const pid_t* begin, const pid_t* end, SurveyShare& share) const {
  for (const pid_t* pid = begin; pid != end; ++pid) {
    SurveyEntry entry{*pid, 0};
    if (const int error = proc.owner(*pid, &entry.uid)) {
      if (is_gone(error))
        ++share.gone;
      else
        share.refusals.push_back({"look at the process", *pid, 0, error});
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
    share.refusals.push_back({"read the executable's path", entry.pid, entry.uid, error});
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
