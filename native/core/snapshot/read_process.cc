// Reads everything about one process but its command line.
#include <unistd.h>

#include <cerrno>

#include "core/snapshot/builder.h"

namespace reaper {

bool SnapshotBuilder::read_process(pid_t pid, uid_t owner, Process& process) {
  UniqueFd folder;
  process.uid = owner;
  // The folder is opened first, so everything read below it is of one process, or fails.
  int error = proc_.pin(pid, &folder);
  if (error == 0) error = proc_.read_stat(pid, folder.get(), &process);
  if (error != 0) {
    report_.add_error("read the process", pid, owner, error);
    return false;
  }
  static const std::int64_t kPageKib = sysconf(_SC_PAGESIZE) / 1024;
  process.rss_kib = process.rss_pages * kPageKib;

  // True: the file is absent, which in a kernel without cgroups or without audit is not a fault.
  const auto read_file = [&](const char* file, const char* what, auto parse, auto& field) {
    std::string_view text;
    const int failed = proc_.read(folder.get(), file, &text);
    if (failed == 0) field = parse(text);
    if (!field && !is_gone(failed)) report_.add_error(what, pid, process.uid, failed == 0 ? EBADMSG : failed);
    return is_gone(failed);
  };
  read_file("status", "read the status", parse_status_uids, process.uids);
  if (process.uids) process.uid = (*process.uids)[1];
  if (read_file("cgroup", "read the cgroups", parse_cgroups, process.cgroups)) process.cgroups.emplace();
  read_file("loginuid", "read the audit session", parse_id, process.login_uid);
  read_file("sessionid", "read the audit session", parse_id, process.audit_session);
  for (auto* id : {&process.login_uid, &process.audit_session})
    if (*id == kUnsetId) id->reset();
  read_links(folder.get(), process);
  return true;
}

void SnapshotBuilder::read_links(int folder, Process& process) {
  std::string_view target;
  const int error = proc_.link(folder, "exe", &target);
  if (error == 0) {
    process.exe = std::string(target);
  } else if (!is_gone(error)) {
    process.exe_unreadable = error == ENAMETOOLONG ? ExeUnreadable::kTooLong : ExeUnreadable::kDenied;
    if (process.pid != 1 && !report_.was_denied(process.pid))
      report_.add_hidden_exe(process.pid, process.uid, error);
  }
  if (!own_user_ns_.empty() && proc_.link(folder, "ns/user", &target) == 0)
    process.foreign_user_ns = target != own_user_ns_;
  if (!own_pid_ns_.empty() && proc_.link(folder, "ns/pid", &target) == 0)
    process.foreign_pid_ns = target != own_pid_ns_;
}

}  // namespace reaper
