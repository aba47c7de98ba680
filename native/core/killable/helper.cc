#include "core/killable/helper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <vector>

namespace reaper {
namespace {

std::mutex g_left_behind_mutex;
std::vector<pid_t> g_left_behind;

[[noreturn]] void run_helper(int proc_fd, int alive_fd, pid_t parent, const std::function<void()>& work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // the parent died before the line above
  // Guard: a helper that cannot die must not keep the sweep's lock, log or standard output open.
  const int proc = fcntl(proc_fd, F_DUPFD, 3), alive = fcntl(alive_fd, F_DUPFD, 3);
  if (proc < 0 || alive < 0 || dup2(proc, 0) != 0 || dup2(alive, 1) != 1 || fchdir(0) != 0) _exit(1);
  if (syscall(436 /* close_range, Linux 5.9 */, 2U, ~0U, 0) != 0)
    for (int fd = 2; fd < 4096; ++fd) close(fd);
  work();
  _exit(0);
}

// Waits for this one process only: libuv has children of its own.
bool is_collected(pid_t helper) {
  const pid_t got = waitpid(helper, nullptr, WNOHANG);
  return got == helper || (got < 0 && errno == ECHILD);
}

}  // namespace

pid_t start_helper(int proc_fd, int alive_fd, const std::function<void()>& work) {
  const pid_t parent = getpid();
  // Every signal is blocked, so the helper never runs a handler of Node, which would write into Node's pipes.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t helper = fork();
  if (helper == 0) run_helper(proc_fd, alive_fd, parent, work);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return helper;
}

void end_helper(pid_t helper) {
  // Guard: where SIGCHLD is ignored the kernel collects the child, and its pid may be another process's.
  if (is_collected(helper)) return;
  kill(helper, SIGKILL);
  for (int tries = 0; tries < 100; ++tries) {
    if (is_collected(helper)) return;
    const struct timespec nap = {0, 200 * 1000};
    nanosleep(&nap, nullptr);
  }
  const std::lock_guard<std::mutex> guard(g_left_behind_mutex);
  g_left_behind.push_back(helper);
}

void collect_helpers() {
  const std::lock_guard<std::mutex> guard(g_left_behind_mutex);
  g_left_behind.erase(std::remove_if(g_left_behind.begin(), g_left_behind.end(), is_collected),
                      g_left_behind.end());
}

int read_in_helper(const char* path, std::size_t piece, char* to, std::size_t room, std::size_t* size) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  int error = fd < 0 ? errno : 0;
  while (error == 0 && *size < room) {
    const std::size_t asked = std::min(piece, room - *size);
    const ssize_t got = read(fd, to + *size, asked);
    if (got < 0 && errno != EINTR) error = errno;
    if (got < 0) continue;
    *size += static_cast<std::size_t>(got);
    if (static_cast<std::size_t>(got) < asked) break;
  }
  if (fd >= 0) close(fd);
  return error;
}

}  // namespace reaper
