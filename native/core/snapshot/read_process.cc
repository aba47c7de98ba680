// Everything about one process but its command line.
#include <algorithm>

#include "core/proc/parse.h"
#include "core/snapshot/survey.h"

namespace reaper {

bool Survey::read_stat(int folder, pid_t pid, Process& process, int* error) {
  std::string_view text;
  *error = proc_.read(folder, "stat", &text);
  if (*error != 0) return false;
  const auto stat = parse_stat(text);
  if (!stat || stat->pid != pid) return false;
  static const std::int64_t kPageKib = sysconf(_SC_PAGESIZE) / 1024;
  process.id = {pid, stat->start_time};
  process.ppid = stat->ppid;
  process.pgid = stat->pgid;
  process.sid = stat->sid;
  process.tty = stat->tty;
  process.state = stat->state;
  process.threads = stat->threads;
  process.rss_kib = stat->rss_pages * kPageKib;
  process.comm = std::string(stat->comm);
  return true;
}

void Survey::read_links(int folder, Process& process) {
  std::string_view target;
  const int error = proc_.link(folder, "exe", &target);
  if (error == 0)
    process.exe = std::string(target);
  else if (!is_gone(error) && process.id.pid != 1 && denied_.count(process.id.pid) == 0)
    refused_exe(process.id.pid, error);
  if (!own_user_ns_.empty() && proc_.link(folder, "ns/user", &target) == 0)
    process.foreign_user_ns = target != own_user_ns_;
  if (!own_pid_ns_.empty() && proc_.link(folder, "ns/pid", &target) == 0)
    process.foreign_pid_ns = target != own_pid_ns_;
}

void Survey::read_rest(int folder, Process& process) {
  const pid_t pid = process.id.pid;
  std::string_view text;
  if (const int error = proc_.read(folder, "status", &text)) {
    if (!is_gone(error)) refused("read the status", pid, process.uid, error);
  } else if (process.uids = parse_status_uids(text); !process.uids) {
    malformed("read the status", pid);
  } else {
    process.uid = (*process.uids)[1];
  }
  // Absent in a kernel without cgroups or without audit: no fault.
  if (const int error = proc_.read(folder, "cgroup", &text)) {
    if (is_gone(error))
      process.cgroups.emplace();
    else
      refused("read the cgroups", pid, process.uid, error);
  } else if (auto paths = parse_cgroups(text)) {
    process.cgroups = std::move(*paths);
  } else {
    malformed("read the cgroups", pid);
  }
  const auto read_id = [&](const char* file, std::optional<std::uint32_t>& field) {
    if (const int error = proc_.read(folder, file, &text)) {
      if (!is_gone(error)) refused("read the audit session", pid, process.uid, error);
    } else if (field = parse_id(text); !field) {
      malformed("read the audit session", pid);
    } else if (*field == kUnsetId) {
      field.reset();
    }
  };
  read_id("loginuid", process.login_uid);
  read_id("sessionid", process.audit_session);
}

// The folder is opened first, so everything read below it is of one process, or fails.
Survey::Outcome Survey::read_full(pid_t pid, uid_t owner, bool wants_argv) {
  tried_.insert(pid);
  UniqueFd folder;
  Process process;
  process.uid = owner;
  int error = proc_.pin(pid, &folder);
  if (error == 0 && !read_stat(folder.get(), pid, process, &error) && error == 0) {
    malformed("read the process", pid);
    return Outcome::kLeftOut;
  }
  if (error != 0) {
    if (!is_gone(error)) {
      refused("read the process", pid, owner, error);
      return Outcome::kLeftOut;
    }
    ++out_.counts.gone;
    return Outcome::kGone;
  }
  read_rest(folder.get(), process);
  read_links(folder.get(), process);
  index_[pid] = out_.processes.size();
  if (wants_argv) wants_argv_.push_back(out_.processes.size());
  out_.processes.push_back(std::move(process));
  return Outcome::kRead;
}

}  // namespace reaper
