// session-close: the program that pam_exec starts as root when an ssh session ends. It takes no argument,
// trusts nothing that the user of the session can set, ends within a second, and always exits 0, for a logout
// must not fail.
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "hook/close.h"
#include "hook/fault_count.h"
#include "hook/syslog.h"

namespace {

using namespace reaper::hook;

constexpr time_t kDeadlineSeconds = 1;
// The sweep reads the count of faults there.
constexpr char kRunFolder[] = "/run/vscode-grim-reaper";

// Prepared for give_up: a signal handler can neither allocate nor format.
int g_log = -1;
char g_last_words[512];
size_t g_last_words_size = 0;

void give_up(int /*signo*/) {
  if (g_log >= 0) (void)!send(g_log, g_last_words, g_last_words_size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (geteuid() == 0) (void)count_fault(kRunFolder);
  _exit(0);
}

// At least `wanted`, or as much as the hard limit gives where this root may not raise it (no
// CAP_SYS_RESOURCE).
template <typename Resource>
void lift_limit(Resource resource, rlim_t wanted) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur >= wanted) return;
  const rlimit lifted{wanted, std::max(wanted, limit.rlim_max)};
  if (setrlimit(resource, &lifted) == 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(resource, &limit);
}

// pam_limits has put the user's limits on this process and never takes them off (linux-pam, pam_limits.c).
// Where a limit of memory or CPU time would stop this program, sshd has ended before.
void lift_limits() {
  lift_limit(RLIMIT_FSIZE, RLIM_INFINITY);
  lift_limit(RLIMIT_NOFILE, 256);
  // A core of a root process would land where the user's limits say. The soft limit alone: SELinux asks for
  // setrlimit only where a hard limit changes.
  rlimit core{};
  if (getrlimit(RLIMIT_CORE, &core) == 0) core.rlim_cur = 0;
  (void)setrlimit(RLIMIT_CORE, &core);
  // pam_limits may have set a priority as well.
  if (getpriority(PRIO_PROCESS, 0) != 0) (void)setpriority(PRIO_PROCESS, 0, 0);
}

// Root owns every file that is written from here on, so no capability is used. Where a policy forbids the
// drop the hook goes on with what it has.
void drop_privileges() {
  (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  (void)syscall(SYS_capset, &header, none);
}

// Undoes what was blocked when sshd forked, and turns every signal that a fault, a limit or an impatient
// administrator sends into a successful exit.
void set_signals() {
  struct sigaction action{};
  sigemptyset(&action.sa_mask);
  action.sa_handler = SIG_IGN;
  for (const int signo : {SIGPIPE, SIGHUP, SIGINT, SIGXFSZ}) (void)sigaction(signo, &action, nullptr);
  action.sa_handler = give_up;
  for (const int signo : {SIGALRM, SIGTERM, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    (void)sigaction(signo, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, nullptr);
}

// ITIMER_REAL and no timer_create: that one counts against the user's limit of pending signals.
void set_deadline() {
  const itimerval deadline{{0, 0}, {kDeadlineSeconds, 0}};
  (void)setitimer(ITIMER_REAL, &deadline, nullptr);
}

void prepare_last_words(const Syslog& log) {
  const std::string words =
      format_log_line(Priority::kWarning, "gave up after a second or a fault: no tag was written");
  g_last_words_size = std::min(words.size(), sizeof(g_last_words));
  memcpy(g_last_words, words.data(), g_last_words_size);
  g_log = log.fd();
}

}  // namespace

extern "C" char** environ;

int main() {
  lift_limits();
  drop_privileges();
  set_signals();
  set_deadline();
  (void)umask(077);
  const ClientText text = read_client_text(environ);
  const Syslog log("/dev/log");
  prepare_last_words(log);
  if (geteuid() != 0) {
    log.send(Priority::kWarning, "not started as root: nothing tagged");
    constexpr char kMessage[] = "session-close: must be started as root, by pam_exec\n";
    (void)!write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1);
    return 0;
  }
  const reaper::Result<std::optional<Tag>> closed = close_session({}, text);
  if (!closed) {
    const reaper::Failure& why = closed.failure();
    log.send(Priority::kWarning, "no tag: " + why.what + " (errno " + std::to_string(why.code) + ")");
    (void)count_fault(kRunFolder);
  } else if (closed.value()) {
    log.send(Priority::kInfo, describe(*closed.value()));
  }
  // No destructor or exit handler is needed any more.
  _exit(0);
}
