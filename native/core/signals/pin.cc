#include "core/signals/pin.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "core/proc/parse.h"

namespace reaper {
namespace {

// By number: glibc has wrappers since 2.36 only.
constexpr long kPidfdSendSignal = 424;
constexpr long kPidfdOpen = 434;

// What this kernel, or a seccomp filter, turned out to lack. Learned once.
std::atomic<bool> g_no_pidfd_open{false};
std::atomic<bool> g_no_send_signal{false};

bool is_missing(int error) { return error == ENOSYS || error == EPERM; }

// pidfd_send_signal(2) takes a folder of /proc since Linux 5.1, if it was not opened with O_PATH.
int open_folder(const ProcDir& proc, pid_t pid, UniqueFd* folder) {
  char path[16];
  if (!write_proc_path(pid, nullptr, path, sizeof(path))) return EINVAL;
  *folder = UniqueFd(openat(proc.fd(), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return folder->valid() ? 0 : errno;
}

}  // namespace

int open_pidfd(pid_t pid, UniqueFd* fd) {
  if (g_no_pidfd_open) return ENOSYS;
  *fd = UniqueFd(static_cast<int>(syscall(kPidfdOpen, pid, 0)));
  if (fd->valid()) return 0;
  if (!is_missing(errno)) return errno;
  g_no_pidfd_open = true;
  return ENOSYS;
}

int take_pin(const ProcDir& proc, pid_t pid, Pin* pin) {
  int error = open_pidfd(pid, &pin->fd);
  if (error == 0) pin->kind = SignalPin::kPidfd;
  if (error != ENOSYS) return error;
  if (g_no_send_signal) return 0;
  error = open_folder(proc, pid, &pin->fd);
  if (error == 0) pin->kind = SignalPin::kProcFolder;
  // hidepid may deny the folder and allow the signal: by number, then.
  return is_denied(error) ? 0 : error;
}

int signal_pinned(const Pin& pin, int signo) {
  if (!pin.fd.valid() || g_no_send_signal) return ENOSYS;
  if (syscall(kPidfdSendSignal, pin.fd.get(), signo, nullptr, 0) == 0) return 0;
  const int error = errno;
  if (error == ENOSYS) g_no_send_signal = true;
  // EPERM: a seccomp filter, or the truth, which kill(2) will say again. EBADF: the folder is not one of
  // procfs.
  return is_missing(error) || error == EBADF ? ENOSYS : error;
}

IdentityCheck check_identity(ProcessFiles& files, const ProcId& id) {
  std::string_view text;
  if (const int error = files.read("stat", &text))
    return is_gone(error) ? IdentityCheck::kGone : IdentityCheck::kUnreadable;
  const auto stat = parse_stat(text);
  if (!stat || stat->pid != id.pid) return IdentityCheck::kUnreadable;
  if (stat->start_time != id.start_time) return IdentityCheck::kRecycled;
  const bool ended = stat->state == 'X' || (stat->state == 'Z' && stat->threads <= 1);
  return ended ? IdentityCheck::kGone : IdentityCheck::kSame;
}

}  // namespace reaper
