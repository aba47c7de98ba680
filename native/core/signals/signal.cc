#include "core/signals/signal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/base/clock.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

// By number: glibc has wrappers since 2.36 only.
constexpr long kPidfdSendSignal = 424;
constexpr long kPidfdOpen = 434;
constexpr std::int64_t kRereadMs = 20;

// Holds a process while its identity is checked, so that no other process can take its number in between.
struct Pin {
  UniqueFd pidfd;   // invalid where this kernel has no pidfd_open(2): before Linux 5.3, and on RHEL 8
  UniqueFd folder;  // below it everything is read of this process, or fails
};

// Answers 0 or an errno.
int take_pin(const ProcDir& proc, pid_t pid, Pin* pin) {
  // pidfd_send_signal(2) takes a folder of /proc since Linux 5.1, if it was not opened with O_PATH.
  if (const int error = proc.pin(pid, &pin->folder, O_RDONLY)) return error;
  pin->pidfd = UniqueFd(static_cast<int>(syscall(kPidfdOpen, pid, 0)));
  // EPERM: a seccomp filter.
  return pin->pidfd.valid() || errno == ENOSYS || errno == EPERM ? 0 : errno;
}

// Signals through the pin. Answers 0 or an errno; ENOSYS: this pin cannot carry a signal, so kill(2) must.
int signal_pinned(const Pin& pin, int signo) {
  const int fd = pin.pidfd.valid() ? pin.pidfd.get() : pin.folder.get();
  if (syscall(kPidfdSendSignal, fd, signo, nullptr, 0) == 0) return 0;
  // EPERM: a seccomp filter, or the truth, which kill(2) will say again. EBADF: the folder is not one of
  // procfs.
  return errno == EPERM || errno == EBADF ? ENOSYS : errno;
}

SignalOutcome unreadable(int error) { return is_gone(error) ? SignalOutcome::kGone : SignalOutcome::kDenied; }

// Says why this is not the process: it is gone, recycled, or unreadable (kDenied: unknown spares); nullopt:
// it is. A zombie with one thread has ended; one with more threads is alive, for only its first thread has
// ended (measured on Linux 6.18). `folder`: as in ProcDir::read_stat.
std::optional<SignalOutcome> identity_refusal(ProcDir& proc, int folder, const ProcId& id) {
  Stat stat;
  if (const int error = proc.read_stat(id.pid, folder, &stat)) return unreadable(error);
  if (stat.start_time != id.start_time) return SignalOutcome::kRecycled;
  if (stat.state == 'X' || (stat.state == 'Z' && stat.threads <= 1)) return SignalOutcome::kGone;
  return std::nullopt;
}

std::optional<SignalOutcome> refusal(ProcDir& proc, int folder, const ProcId& id, uid_t uid,
                                     std::optional<std::uint32_t> expected_login) {
  if (const auto refused = identity_refusal(proc, folder, id)) return refused;
  std::string_view text;
  if (const int error = proc.read(folder, "status", &text)) return unreadable(error);
  const auto uids = parse_status_uids(text);
  if (!uids) return SignalOutcome::kDenied;
  // A setuid program or a user namespace shows in one of the four: then it is not only the user's.
  for (const uid_t each : *uids)
    if (each != uid) return SignalOutcome::kForeign;
  if (!expected_login) return std::nullopt;
  std::string_view login_text;
  // A kernel without audit records no login uid to compare. Only a privileged process changes one that is
  // set.
  if (is_gone(proc.read(folder, "loginuid", &login_text))) return std::nullopt;
  const auto login = parse_id(login_text);
  if (!login) return SignalOutcome::kDenied;
  if (*login != kUnsetId && *login != *expected_login) return SignalOutcome::kForeign;
  return std::nullopt;
}

SignalOutcome outcome_of(int error) {
  if (error == 0) return SignalOutcome::kSent;
  return error == ESRCH ? SignalOutcome::kGone : SignalOutcome::kDenied;
}

// Another process may have the number by now.
bool has_ended(ProcDir& proc, const ProcId& id) {
  const auto refused = identity_refusal(proc, -1, id);
  return refused == SignalOutcome::kGone || refused == SignalOutcome::kRecycled;
}

}  // namespace

SignalResult signal_process(const std::string& proc_root, const ProcId& id, uid_t uid, int signo,
                            std::optional<std::uint32_t> login_uid) {
  auto proc = ProcDir::open(proc_root);
  // Never init, kthreadd, a process group (0 and below) or this process, whatever the plan says; nor where
  // the number would be checked in another namespace than the one where it is signalled.
  if (id.pid <= 2 || id.pid == getpid() || !proc || proc.value().is_foreign())
    return {SignalOutcome::kDenied};

  Pin pin;
  // EINVAL: the number now names a thread of another process.
  if (const int error = take_pin(proc.value(), id.pid, &pin))
    return {error == EINVAL ? SignalOutcome::kGone : unreadable(error)};
  if (const auto refused = refusal(proc.value(), pin.folder.get(), id, uid, login_uid)) return {*refused};
  if (const int sent = signal_pinned(pin, signo); sent != ENOSYS) return {outcome_of(sent)};

  // Without a pin: a second check with the same result, then the signal at once. Two processes could only be
  // confused if the pid came round within one clock tick or between these two calls.
  if (const auto refused = identity_refusal(proc.value(), -1, id)) return {*refused, true};
  return {outcome_of(kill(id.pid, signo) == 0 ? 0 : errno), true};
}

std::vector<ProcId> wait_gone(const std::string& proc_root, std::vector<ProcId> ids, int timeout_ms) {
  const std::int64_t deadline = now_ms() + timeout_ms;
  auto proc = ProcDir::open(proc_root);
  if (!proc) return ids;  // nothing can be said to be dead
  for (;;) {
    const auto ended = [&proc](const ProcId& id) { return has_ended(proc.value(), id); };
    ids.erase(std::remove_if(ids.begin(), ids.end(), ended), ids.end());
    const std::int64_t left = deadline - now_ms();
    if (ids.empty() || left <= 0) return ids;
    // Read again and again: a pidfd for each would take the descriptors that are there, and some kernels have
    // none.
    poll(nullptr, 0, static_cast<int>(std::min(left, kRereadMs)));
  }
}

}  // namespace reaper
