#include "core/signals/signal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "core/base/clock.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

// By number: glibc has wrappers since 2.36 only.
constexpr long kPidfdSendSignal = 424;
constexpr long kPidfdOpen = 434;
constexpr int kRereadMs = 20;

// What this kernel, or a seccomp filter, turned out to lack. Learned once.
std::atomic<bool> g_no_pidfd_open{false};
std::atomic<bool> g_no_send_signal{false};

bool is_missing(int error) { return error == ENOSYS || error == EPERM; }

// Holds a process while its identity is checked, so that no other process can take its number in between.
struct Pin {
  SignalPin kind = SignalPin::kNumber;
  UniqueFd fd;  // a pidfd, or the folder of the process; invalid for kNumber
};

// A pidfd, or an errno. ENOSYS: the kernel (RHEL 8) or a seccomp filter has no pidfd_open(2).
int open_pidfd(pid_t pid, UniqueFd* fd) {
  if (g_no_pidfd_open) return ENOSYS;
  *fd = UniqueFd(static_cast<int>(syscall(kPidfdOpen, pid, 0)));
  if (fd->valid()) return 0;
  if (!is_missing(errno)) return errno;
  g_no_pidfd_open = true;
  return ENOSYS;
}

// Pins a process by the best means that this kernel has. Answers 0, or the errno that says that the process
// is gone or that no descriptor can be had.
int take_pin(const ProcDir& proc, pid_t pid, Pin* pin) {
  int error = open_pidfd(pid, &pin->fd);
  if (error == 0) pin->kind = SignalPin::kPidfd;
  if (error != ENOSYS) return error;
  if (g_no_send_signal) return 0;
  // pidfd_send_signal(2) takes a folder of /proc since Linux 5.1, if it was not opened with O_PATH.
  error = proc.pin(pid, &pin->fd, O_RDONLY);
  if (error == 0) pin->kind = SignalPin::kProcFolder;
  // hidepid may deny the folder and allow the signal: by number, then.
  return is_denied(error) ? 0 : error;
}

// Signals through the pin. Answers 0 or an errno; ENOSYS: this pin cannot carry a signal, so kill(2) must.
int signal_pinned(const Pin& pin, int signo) {
  if (!pin.fd.valid() || g_no_send_signal) return ENOSYS;
  if (syscall(kPidfdSendSignal, pin.fd.get(), signo, nullptr, 0) == 0) return 0;
  const int error = errno;
  if (error == ENOSYS) g_no_send_signal = true;
  // EPERM: a seccomp filter, or the truth, which kill(2) will say again. EBADF: the folder is not one of
  // procfs.
  return is_missing(error) || error == EBADF ? ENOSYS : error;
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
  const auto read = [&](const char* file, std::string_view* text) {
    return folder < 0 ? proc.read_of(id.pid, file, text) : proc.read(folder, file, text);
  };
  std::string_view text;
  if (const int error = read("status", &text)) return unreadable(error);
  const auto uids = parse_status_uids(text);
  if (!uids) return SignalOutcome::kDenied;
  // A setuid program or a user namespace shows in one of the four: then it is not only the user's.
  for (const uid_t each : *uids)
    if (each != uid) return SignalOutcome::kForeign;
  // A kernel without audit records no login uid to compare. Only a privileged process changes one that is
  // set.
  const int error = expected_login ? read("loginuid", &text) : ENOENT;
  if (is_gone(error)) return std::nullopt;
  const auto login = error == 0 ? parse_id(text) : std::nullopt;
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
  if (id.pid <= 2 || id.pid == getpid() || !proc || (proc_root == "/proc" && proc.value().is_foreign()))
    return {SignalOutcome::kDenied, SignalPin::kNone};

  Pin pin;
  const int error = take_pin(proc.value(), id.pid, &pin);
  // EINVAL, ENOENT: the number now names a thread of another process, or no process.
  if (error == ESRCH || error == EINVAL || error == ENOENT) return {SignalOutcome::kGone, SignalPin::kNone};
  const int folder = pin.kind == SignalPin::kProcFolder ? pin.fd.get() : -1;
  if (const auto refused = refusal(proc.value(), folder, id, uid, login_uid)) return {*refused, pin.kind};
  if (const int sent = signal_pinned(pin, signo); sent != ENOSYS) return {outcome_of(sent), pin.kind};

  // Without a pin: a second check with the same result, then the signal at once. Two processes could only be
  // confused if the pid came round within one clock tick or between these two calls.
  if (const auto refused = identity_refusal(proc.value(), -1, id)) return {*refused, SignalPin::kNumber};
  return {outcome_of(kill(id.pid, signo) == 0 ? 0 : errno), SignalPin::kNumber};
}

std::vector<ProcId> wait_gone(const std::string& proc_root, const std::vector<ProcId>& ids, int timeout_ms) {
  const std::int64_t deadline = now_ms() + std::max(timeout_ms, 0);
  auto proc = ProcDir::open(proc_root);
  if (!proc) return ids;  // nothing can be said to be dead

  struct Awaited {
    ProcId id;
    UniqueFd pin;  // invalid: its stat is read again and again
  };
  std::vector<Awaited> alive;
  bool room = true;
  for (const ProcId& id : ids) {
    UniqueFd pin;
    const int error = room ? open_pidfd(id.pid, &pin) : 0;
    if (is_exhausted(error)) {
      room = false;
      for (Awaited& each : alive) each.pin.reset();  // to read takes descriptors too
    }
    if (error != ESRCH && !has_ended(proc.value(), id)) alive.push_back({id, std::move(pin)});
  }
  while (!alive.empty()) {
    std::vector<pollfd> watched;  // poll(2) ignores an invalid descriptor
    for (const Awaited& each : alive) watched.push_back({each.pin.get(), POLLIN, 0});
    const bool reread = std::any_of(alive.begin(), alive.end(), [](auto& each) { return !each.pin.valid(); });
    const std::int64_t left = std::max<std::int64_t>(deadline - now_ms(), 0);
    const std::int64_t pause = reread ? std::min<std::int64_t>(left, kRereadMs) : left;
    if (poll(watched.data(), watched.size(), static_cast<int>(pause)) < 0) watched.clear();
    std::vector<Awaited> still;
    for (std::size_t i = 0; i < alive.size(); ++i) {
      // A pidfd is readable when every thread of the process has ended.
      const bool gone = alive[i].pin.valid()
                            ? i < watched.size() && (watched[i].revents & (POLLIN | POLLHUP)) != 0
                            : has_ended(proc.value(), alive[i].id);
      if (!gone) still.push_back(std::move(alive[i]));
    }
    alive = std::move(still);
    if (left == 0) break;
  }
  std::vector<ProcId> survivors;
  for (const Awaited& each : alive) survivors.push_back(each.id);
  return survivors;
}

}  // namespace reaper
