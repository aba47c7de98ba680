#include "core/snapshot/read_process.h"

#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

namespace reaper {
namespace {

using Texts = std::vector<std::string>;

// Reads and parses one file of the process; nullopt and a report where that fails. One that is absent, in a
// kernel without cgroups or without audit, is `absent` and not a fault.
template <typename Parse, typename Value = decltype(std::declval<Parse>()({}))>
Value read_file(ProcDir& proc, SnapshotReport& report, int folder, const Process& process, const char* what,
                const char* file, Parse parse, Value absent = std::nullopt) {
  std::string_view text;
  int error = proc.read(folder, file, &text);
  if (is_gone(error)) return absent;
  Value value = error == 0 ? parse(text) : std::nullopt;
  if (!value) report.add_error(what, process.id.pid, process.uid, error == 0 ? EBADMSG : error);
  return value;
}

}  // namespace

ProcessReader::ProcessReader(ProcDir& proc, SnapshotReport& report) : proc_(proc), report_(report) {
  std::string_view text;
  if (proc.link(proc.fd(), "self/ns/user", &text) == 0) own_user_ns_ = std::string(text);
  if (proc.link(proc.fd(), "self/ns/pid", &text) == 0) own_pid_ns_ = std::string(text);
}

bool ProcessReader::read(pid_t pid, uid_t owner, Process& process) {
  UniqueFd folder;
  Stat stat;
  process.uid = owner;
  // The folder is opened first, so everything read below it is of one process, or fails.
  int error = proc_.pin(pid, &folder);
  if (error == 0) error = proc_.read_stat(pid, folder.get(), &stat);
  if (error != 0) {
    report_.add_error("read the process", pid, owner, error);
    return false;
  }
  static const std::int64_t kPageKib = sysconf(_SC_PAGESIZE) / 1024;
  process.id = {pid, stat.start_time};
  process.ppid = stat.ppid;
  process.pgid = stat.pgid;
  process.sid = stat.sid;
  process.tty = stat.tty;
  process.state = stat.state;
  process.threads = stat.threads;
  process.cpu_ticks = stat.cpu_ticks;
  process.rss_kib = stat.rss_pages * kPageKib;
  process.comm = std::string(stat.comm);

  const auto read_as = [&](const char* what, const char* file, auto parse, auto... absent) {
    return read_file(proc_, report_, folder.get(), process, what, file, parse, absent...);
  };
  process.uids = read_as("read the status", "status", parse_status_uids);
  if (process.uids) process.uid = (*process.uids)[1];
  process.cgroups = read_as("read the cgroups", "cgroup", parse_cgroups, std::make_optional<Texts>());
  process.login_uid = read_as("read the audit session", "loginuid", parse_id);
  process.audit_session = read_as("read the audit session", "sessionid", parse_id);
  for (auto* id : {&process.login_uid, &process.audit_session})
    if (*id == kUnsetId) id->reset();
  read_links(folder.get(), process);
  return true;
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

}  // namespace reaper
