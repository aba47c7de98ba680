#include "core/signals/signal.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <optional>
#include <string_view>

#include "core/base/fd.h"
#include "core/proc/parse.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

// By number: glibc has wrappers since 2.36 only.
constexpr long kPidfdSendSignal = 424;
constexpr long kPidfdOpen = 434;
constexpr int kRereadMs = 20;
constexpr std::size_t kSpareFds = 4;

#ifdef REAPER_NO_PIDFD
std::atomic<bool> g_no_pidfd{true};
#else
std::atomic<bool> g_no_pidfd{false};
#endif

// 0 and a descriptor, or an errno. ENOSYS: this kernel (RHEL 8) or its seccomp filter has no pidfds; that is
// learnt once.
int open_pidfd(pid_t pid, UniqueFd* pin) {
  if (g_no_pidfd) return ENOSYS;
  *pin = UniqueFd(static_cast<int>(syscall(kPidfdOpen, pid, 0)));
  if (pin->valid()) return 0;
  if (errno == ENOSYS || errno == EPERM) {
    g_no_pidfd = true;
    return ENOSYS;
  }
  return errno;
}

enum class Look { kSame, kGone, kRecycled, kUnreadable };

// Is this pid still this process? A zombie with one thread has ended; one with more is alive (only its first
// thread has ended; measured on 6.18).
Look look(ProcDir& proc, const ProcId& id) {
  std::string_view text;
  if (const int error = proc.read_of(id.pid, "stat", &text))
    return is_gone(error) ? Look::kGone : Look::kUnreadable;
  const auto stat = parse_stat(text);
  if (!stat || stat->pid != id.pid) return Look::kUnreadable;
  if (stat->start_time != id.start_time) return Look::kRecycled;
  const bool ended = stat->state == 'X' || (stat->state == 'Z' && stat->threads <= 1);
  return ended ? Look::kGone : Look::kSame;
}

// Unset, or a kernel without audit: nothing to compare. Only a privileged process can change it once it is
// set.
std::optional<SignalOutcome> login_refusal(ProcDir& proc, const ProcId& id, std::uint32_t expected) {
  std::string_view text;
  if (const int error = proc.read_of(id.pid, "loginuid", &text))
    return is_gone(error) ? std::nullopt : std::make_optional(SignalOutcome::kDenied);
  const auto login_uid = parse_id(text);
  if (!login_uid) return SignalOutcome::kDenied;
  if (*login_uid != kUnsetId && *login_uid != expected) return SignalOutcome::kForeign;
  return std::nullopt;
}

std::optional<SignalOutcome> refusal(ProcDir& proc, const ProcId& id, uid_t uid,
                                     std::optional<std::uint32_t> login_uid) {
  switch (look(proc, id)) {
    case Look::kGone:
      return SignalOutcome::kGone;
    case Look::kRecycled:
      return SignalOutcome::kRecycled;
    case Look::kUnreadable:
      return SignalOutcome::kDenied;  // unknown spares
    case Look::kSame:
      break;
  }
  std::string_view text;
  if (const int error = proc.read_of(id.pid, "status", &text))
    return is_gone(error) ? SignalOutcome::kGone : SignalOutcome::kDenied;
  const auto uids = parse_status_uids(text);
  if (!uids) return SignalOutcome::kDenied;
  // A setuid program or a user namespace shows in one of the four: then it is not only the user's.
  for (const uid_t each : *uids)
    if (each != uid) return SignalOutcome::kForeign;
  return login_uid ? login_refusal(proc, id, *login_uid) : std::nullopt;
}

SignalOutcome outcome_of(int error) {
  if (error == 0) return SignalOutcome::kSent;
  return error == ESRCH ? SignalOutcome::kGone : SignalOutcome::kDenied;
}

std::int64_t now_ms() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

}  // namespace

SignalResult signal_process(const std::string& proc_root, const ProcId& id, uid_t uid, int signo,
                            std::optional<std::uint32_t> login_uid) {
  // Never init, kthreadd, a process group (0 and below) or ourselves, whatever the plan says.
  if (id.pid <= 2 || id.pid == getpid()) return {SignalOutcome::kDenied, false};
  auto proc = ProcDir::open(proc_root);
  if (!proc) return {SignalOutcome::kDenied, false};
  // The number would be checked there and the signal sent here.
  if (proc_root == "/proc" && proc.value().is_foreign()) return {SignalOutcome::kDenied, false};

  UniqueFd pin;
  const int error = open_pidfd(id.pid, &pin);
  // EINVAL, ENOENT: the number now names a thread of another process.
  if (error == ESRCH || error == EINVAL || error == ENOENT) return {SignalOutcome::kGone, false};
  if (const auto refused = refusal(proc.value(), id, uid, login_uid)) return {*refused, !pin.valid()};

  if (pin.valid()) {
    if (syscall(kPidfdSendSignal, pin.get(), signo, nullptr, 0) == 0) return {SignalOutcome::kSent, false};
    // Some kernels and filters have pidfd_open alone; kill(2) answers EPERM again where that was the truth.
    if (errno != ENOSYS && errno != EPERM) return {outcome_of(errno), false};
  }
  // Without a pin: a second equal look, then the signal at once. Two processes could only be confused if the
  // pid came round within one clock tick or between these two calls.
  const Look again = look(proc.value(), id);
  if (again == Look::kUnreadable) return {SignalOutcome::kDenied, true};
  if (again != Look::kSame)
    return {again == Look::kGone ? SignalOutcome::kGone : SignalOutcome::kRecycled, true};
  return {outcome_of(kill(id.pid, signo) == 0 ? 0 : errno), true};
}

std::vector<ProcId> wait_gone(const std::string& proc_root, const std::vector<ProcId>& ids, int timeout_ms) {
  const std::int64_t deadline = now_ms() + std::max(timeout_ms, 0);
  auto proc = ProcDir::open(proc_root);
  if (!proc) return ids;  // nothing can be said to be dead

  std::vector<UniqueFd> pins(ids.size());
  std::vector<char> alive(ids.size(), 1);
  bool room = true;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i].pid < 1) continue;
    int error = 0;
    if (room) error = open_pidfd(ids[i].pid, &pins[i]);
    if (error == EMFILE || error == ENFILE) {
      // The rest is watched by its start time, and reading that takes descriptors too.
      room = false;
      for (std::size_t j = i; j-- > 0 && j + kSpareFds >= i;) pins[j].reset();
    }
    const Look seen = look(proc.value(), ids[i]);
    if (error == ESRCH || seen == Look::kGone || seen == Look::kRecycled) alive[i] = 0;
  }
  for (;;) {
    std::vector<struct pollfd> watched;
    std::vector<std::size_t> which;
    bool reread = false, any = false;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (alive[i] == 0) continue;
      any = true;
      if (!pins[i].valid()) {
        reread = true;
        continue;
      }
      watched.push_back({pins[i].get(), POLLIN, 0});
      which.push_back(i);
    }
    const std::int64_t left = deadline - now_ms();
    if (!any || left < 0) break;
    const std::int64_t pause = reread ? std::min<std::int64_t>(left, kRereadMs) : left;
    const struct timespec wait = {pause / 1000, (pause % 1000) * 1000000};
    const int ready = ppoll(watched.data(), watched.size(), &wait, nullptr);
    for (std::size_t k = 0; ready > 0 && k < watched.size(); ++k)
      if ((watched[k].revents & (POLLIN | POLLHUP)) != 0)
        alive[which[k]] = 0;  // readable: every thread of it has ended
    for (std::size_t i = 0; reread && i < ids.size(); ++i) {
      if (alive[i] == 0 || pins[i].valid()) continue;
      const Look seen = look(proc.value(), ids[i]);
      if (seen == Look::kGone || seen == Look::kRecycled) alive[i] = 0;
    }
    if (left == 0) break;
  }
  std::vector<ProcId> survivors;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (alive[i] != 0) survivors.push_back(ids[i]);
  return survivors;
}

}  // namespace reaper
