#include "core/snapshot/snapshot.h"

#include <linux/capability.h>
#include <time.h>

#include "core/proc/parse.h"
#include "core/snapshot/survey.h"

namespace reaper {

void Survey::refused_as(const char* what, pid_t pid, int error, bool news) {
  note(error);
  if (is_denied(error) && denied_.insert(pid).second) ++out_.counts.denied;
  if (!is_denied(error) || news) fault(what, pid, error_text(error));
}

std::optional<Failure> Survey::read_host() {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  out_.taken_at_ms = static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
  out_.ticks_per_second = sysconf(_SC_CLK_TCK);
  if (options_.proc_root == "/proc" && proc_.is_foreign())
    return Failure{
        EXDEV,
        "/proc does not show this program: no proc is mounted there, or that of another pid namespace"};

  std::string_view text;
  if (const int error = proc_.read(proc_.fd(), "sys/kernel/random/boot_id", &text))
    return Failure{error, "read " + options_.proc_root + "/sys/kernel/random/boot_id"};
  out_.boot_id = std::string(text.substr(0, text.find('\n')));
  if (out_.boot_id.empty() || out_.boot_id.size() > 64) return Failure{EBADMSG, "parse the boot id"};

  if (options_.proc_root == "/proc") {
    if (clock_gettime(CLOCK_BOOTTIME, &now) != 0) return Failure{errno, "read CLOCK_BOOTTIME"};
    out_.uptime_ms = static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
  } else {
    if (const int error = proc_.read(proc_.fd(), "uptime", &text))
      return Failure{error, "read " + options_.proc_root + "/uptime"};
    const auto uptime = parse_uptime_ms(text);
    if (!uptime) return Failure{EBADMSG, "parse " + options_.proc_root + "/uptime"};
    out_.uptime_ms = *uptime;
  }
  if (proc_.link(proc_.fd(), "self/ns/user", &text) == 0) own_user_ns_ = std::string(text);
  if (proc_.link(proc_.fd(), "self/ns/pid", &text) == 0) own_pid_ns_ = std::string(text);
  return std::nullopt;
}

// Root without CAP_SYS_PTRACE is told neither executables nor descriptors of other users' processes, and
// where proc is mounted with hidepid not even that there are any (proc(5)): nothing found would mean nothing.
void Survey::check_sight() {
  std::string_view text;
  if (observer_ != 0 || proc_.read(proc_.fd(), "self/status", &text) != 0) return;
  const auto capabilities = parse_status_capabilities(text);
  if (capabilities && (*capabilities >> CAP_SYS_PTRACE & 1) == 0)
    fault("see other users' processes", 0,
          "CAP_SYS_PTRACE is missing; add it to the unit's CapabilityBoundingSet");
}

Result<Snapshot> Survey::run() {
  if (auto failure = read_host()) return *failure;
  check_sight();
  auto pids = proc_.list();
  if (!pids) return pids.failure();
  look_at_all(pids.value());
  find_suspects();
  read_users();
  add_ancestors();
  read_argv();
  if (exhausted_ != 0) return Failure{exhausted_, "read the processes"};
  out_.counts.read = static_cast<std::uint32_t>(out_.processes.size());
  return std::move(out_);
}

Result<Snapshot> take_snapshot(const SnapshotOptions& options) {
  auto proc = ProcDir::open(options.proc_root);
  if (!proc) return proc.failure();
  return Survey(options, proc.take()).run();
}

}  // namespace reaper
