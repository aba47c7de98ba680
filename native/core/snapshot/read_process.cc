#include "core/snapshot/read_process.h"

#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "core/proc/parse.h"

namespace reaper {

ProcessReader::ProcessReader(ProcDir& proc, SnapshotReport& report) : proc_(proc), report_(report) {
  std::string_view text;
  if (proc.link(proc.fd(), "self/ns/user", &text) == 0) own_user_ns_ = std::string(text);
  if (proc.link(proc.fd(), "self/ns/pid", &text) == 0) own_pid_ns_ = std::string(text);
}

bool ProcessReader::read(pid_t pid, uid_t owner, Process& process) {
  UniqueFd folder;
  process.uid = owner;
  // The folder is opened first, so everything read below it is of one process, or fails.
  int error = proc_.pin(pid, &folder);
  if (error == 0) error = read_stat(folder.get(), pid, process);
  if (error == 0) {
    read_status(folder.get(), process);
    read_cgroups(folder.get(), process);
    read_audit_id(folder.get(), "loginuid", process, process.login_uid);
    read_audit_id(folder.get(), "sessionid", process, process.audit_session);
    read_links(folder.get(), process);
    return true;
  }
  if (is_gone(error))
    report_.add_gone();
  else if (error == EBADMSG)
    report_.add_malformed("read the process", pid, owner);
  else
    report_.add_refusal("read the process", pid, owner, error);
  return false;
}

int ProcessReader::read_stat(int folder, pid_t pid, Process& process) {
  std::string_view text;
  if (const int error = proc_.read(folder, "stat", &text)) return error;
  const auto stat = parse_stat(text);
  if (!stat || stat->pid != pid) return EBADMSG;
  static const std::int64_t kPageKib = sysconf(_SC_PAGESIZE) / 1024;
  process.id = {pid, stat->start_time};
  process.ppid = stat->ppid;
  process.pgid = stat->pgid;
  process.sid = stat->sid;
  process.tty = stat->tty;
  process.state = stat->state;
  process.threads = stat->threads;
  process.cpu_ticks = stat->cpu_ticks;
  process.rss_kib = stat->rss_pages * kPageKib;
  process.comm = std::string(stat->comm);
  return 0;
}

void ProcessReader::read_links(int folder, Process& process) {
  std::string_view target;
  const int error = proc_.link(folder, "exe", &target);
  if (error == 0) {
    process.exe = std::string(target);
  } else if (!is_gone(error)) {
    process.exe_unreadable = error == ENAMETOOLONG ? ExeUnreadable::kTooLong : ExeUnreadable::kDenied;
    if (process.id.pid != 1 && !report_.was_denied(process.id.pid))
      report_.add_hidden_exe(process.id.pid, process.uid, error);
  }
  if (!own_user_ns_.empty() && proc_.link(folder, "ns/user", &target) == 0)
    process.foreign_user_ns = target != own_user_ns_;
  if (!own_pid_ns_.empty() && proc_.link(folder, "ns/pid", &target) == 0)
    process.foreign_pid_ns = target != own_pid_ns_;
}

void ProcessReader::read_status(int folder, Process& process) {
  std::string_view text;
  if (const int error = proc_.read(folder, "status", &text)) {
    if (!is_gone(error)) report_.add_refusal("read the status", process.id.pid, process.uid, error);
    return;
  }
  process.uids = parse_status_uids(text);
  if (process.uids)
    process.uid = (*process.uids)[1];
  else
    report_.add_malformed("read the status", process.id.pid, process.uid);
}

// Absent in a kernel without cgroups: not a fault.
void ProcessReader::read_cgroups(int folder, Process& process) {
  std::string_view text;
  const int error = proc_.read(folder, "cgroup", &text);
  if (is_gone(error)) {
    process.cgroups.emplace();
  } else if (error != 0) {
    report_.add_refusal("read the cgroups", process.id.pid, process.uid, error);
  } else {
    process.cgroups = parse_cgroups(text);
    if (!process.cgroups) report_.add_malformed("read the cgroups", process.id.pid, process.uid);
  }
}

// Absent in a kernel without audit: not a fault.
void ProcessReader::read_audit_id(int folder, const char* file, Process& process,
                                  std::optional<std::uint32_t>& field) {
  std::string_view text;
  if (const int error = proc_.read(folder, file, &text)) {
    if (!is_gone(error)) report_.add_refusal("read the audit session", process.id.pid, process.uid, error);
    return;
  }
  field = parse_id(text);
  if (!field) report_.add_malformed("read the audit session", process.id.pid, process.uid);
  if (field == kUnsetId) field.reset();
}

}  // namespace reaper
