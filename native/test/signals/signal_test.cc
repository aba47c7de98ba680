#include "core/signals/signal.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "core/proc/parse.h"
#include "test/check.h"

using namespace reaper;

namespace {

// The kernels that the product runs on, as a seccomp filter makes them.
struct Kernel {
  const char* name;
  bool has_pidfd_open, has_send_signal;
  SignalPin pin;  // what must come of it
};

constexpr Kernel kKernels[] = {
    {"Linux 5.3 and newer", true, true, SignalPin::kPidfd},
    {"RHEL 8.6 to 8.10", false, true, SignalPin::kProcFolder},
    {"RHEL 8.5 and older", false, false, SignalPin::kNumber},
};

SignalPin g_pin = SignalPin::kPidfd;

void deny(std::vector<sock_filter>& filter, unsigned number, unsigned error) {
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
}

// From here on this process and its children have that kernel's system calls. With a pin, kill(2) of SIGTERM
// is refused: a signal that arrives all the same went through the descriptor.
bool become(const Kernel& kernel) {
  std::vector<sock_filter> filter = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  if (!kernel.has_pidfd_open) deny(filter, 434, ENOSYS);
  if (!kernel.has_send_signal) deny(filter, 424, ENOSYS);
  if (kernel.pin != SignalPin::kNumber) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_kill, 0, 3));
    filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])));
    deny(filter, SIGTERM, EPERM);
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  g_pin = kernel.pin;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

std::int64_t clock_ms() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

ProcId id_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string line((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto stat = parse_stat(line);
  CHECK(stat.has_value());
  return {pid, stat ? stat->start_time : 0};
}

// A child that lives until it is signalled. pause() in the child needs no readiness: it exists from fork on.
pid_t spawn() {
  const pid_t child = fork();
  if (child == 0)
    for (;;) pause();
  return child;
}

int end(pid_t child) {
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

SignalOutcome outcome(const ProcId& id, uid_t uid, int signo) {
  const SignalResult result = signal_process("/proc", id, uid, signo);
  if (result.outcome == SignalOutcome::kSent) {
    CHECK(result.pin == g_pin);
    CHECK(result.weak() == (g_pin == SignalPin::kNumber));
  }
  return result.outcome;
}

void sends_only_to_the_same_process() {
  const pid_t child = spawn();
  const ProcId id = id_of(child);
  const ProcId earlier = {child, id.start_time - 1};
  CHECK(outcome(earlier, geteuid(), SIGKILL) == SignalOutcome::kRecycled);
  CHECK(outcome(id, geteuid() + 1, SIGKILL) == SignalOutcome::kForeign);
  CHECK(waitpid(child, nullptr, WNOHANG) == 0);  // still there
  CHECK(outcome(id, geteuid(), 0) == SignalOutcome::kSent);
  CHECK(outcome(id, geteuid(), SIGTERM) == SignalOutcome::kSent);
  siginfo_t info{};
  CHECK(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0 && info.si_status == SIGTERM);
  CHECK(outcome(id, geteuid(), SIGTERM) == SignalOutcome::kGone);  // a zombie
  CHECK(wait_gone("/proc", {id}, 1000).empty());
  waitpid(child, nullptr, 0);
  CHECK(outcome(id, geteuid(), SIGTERM) == SignalOutcome::kGone);
  CHECK(outcome(id, geteuid(), 9999) == SignalOutcome::kGone);
}

void never_signals_the_untouchable() {
  for (const pid_t pid : {-1, 0, 1, 2}) CHECK(outcome({pid, 0}, 0, 0) == SignalOutcome::kDenied);
  CHECK(outcome(id_of(getpid()), geteuid(), SIGTERM) == SignalOutcome::kDenied);
  const pid_t child = spawn();
  CHECK(signal_process("/nonexistent", id_of(child), geteuid(), SIGKILL).outcome == SignalOutcome::kDenied);
  CHECK(outcome(id_of(child), geteuid(), 9999) == SignalOutcome::kDenied);
  CHECK(waitpid(child, nullptr, WNOHANG) == 0);
  end(child);
}

// One differing uid of four is enough: a setuid program is not only its user's.
void spares_another_uid() {
  if (geteuid() != 0) {
    std::printf("skipped: only root can start processes of two uids\n");
    return;
  }
  const struct {
    uid_t real, effective, saved;
  } cases[] = {{1001, 0, 0}, {1001, 1001, 0}, {0, 1001, 1001}, {1001, 1002, 1001}};
  for (const auto& each : cases) {
    int ready[2];
    CHECK(pipe(ready) == 0);
    const pid_t child = fork();
    if (child == 0) {
      if (setresuid(each.real, each.effective, each.saved) != 0) _exit(1);
      if (write(ready[1], "r", 1) != 1) _exit(1);
      for (;;) pause();
    }
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1);
    CHECK(outcome(id_of(child), 1001, SIGKILL) == SignalOutcome::kForeign);
    CHECK(waitpid(child, nullptr, WNOHANG) == 0);
    end(child);
    close(ready[0]);
    close(ready[1]);
  }
}

void waits_for_the_dead() {
  const pid_t lives = spawn(), dies = spawn();
  const ProcId living = id_of(lives), dying = id_of(dies);
  std::int64_t before = clock_ms();
  auto survivors = wait_gone("/proc", {living, dying}, 60);
  CHECK(survivors.size() == 2 && clock_ms() - before >= 60);
  kill(dies, SIGKILL);
  survivors = wait_gone("/proc", {dying, living}, 100);
  CHECK(survivors.size() == 1 && survivors[0].pid == lives);  // the dead one is still a zombie
  kill(lives, SIGKILL);
  before = clock_ms();
  CHECK(wait_gone("/proc", {living, dying}, 10000).empty());
  CHECK(clock_ms() - before < 5000);  // ends early
  waitpid(lives, nullptr, 0);
  waitpid(dies, nullptr, 0);
  CHECK(wait_gone("/proc", {living, dying}, 0).empty());
  CHECK(wait_gone("/proc", {}, 10000).empty());
  const pid_t other = spawn();
  CHECK(wait_gone("/proc", {{other, 1}}, 0).empty());  // recycled: the one that was asked for has ended
  CHECK(wait_gone("/nonexistent", {id_of(other)}, 0).size() == 1);
  end(other);
}

// Out of descriptors: the start times are read again instead. One is left, for reading.
void waits_without_descriptors() {
  const pid_t child = fork();
  if (child == 0) {
    std::vector<ProcId> ids;
    std::vector<pid_t> pids;
    for (int i = 0; i < 8; ++i) {
      pids.push_back(spawn());
      ids.push_back(id_of(pids.back()));
    }
    const struct rlimit few = {8, 8};
    setrlimit(RLIMIT_NOFILE, &few);
    const bool all = wait_gone("/proc", ids, 50).size() == 8;
    for (const pid_t pid : pids) kill(pid, SIGKILL);
    const bool none = wait_gone("/proc", ids, 5000).empty();
    for (const pid_t pid : pids) waitpid(pid, nullptr, 0);
    _exit(all && none ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// In a PID namespace of its own a pid is made to come round: the successor must not be signalled.
void spares_a_recycled_pid() {
  if (geteuid() != 0) {
    std::printf("skipped: only root can make a pid come round\n");
    return;
  }
  const pid_t outer = fork();
  if (outer == 0) {
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) _exit(77);
    const pid_t inner = fork();
    if (inner != 0) {
      int status = 0;
      waitpid(inner, &status, 0);
      _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
    }
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(77);
    if (mount("proc", "/proc", "proc", 0, nullptr) != 0) _exit(77);
    const auto set_last_pid = [](pid_t pid) { std::ofstream("/proc/sys/kernel/ns_last_pid") << pid; };
    set_last_pid(299);
    const pid_t first = spawn();
    if (first != 300) _exit(77);
    const ProcId id = id_of(first);
    end(first);
    // The successor starts in a later clock tick: that is what tells the two apart.
    struct timespec tick = {0, 20 * 1000 * 1000};
    nanosleep(&tick, nullptr);
    set_last_pid(299);
    const pid_t second = spawn();
    if (second != 300) _exit(77);
    int failed = 0;
    if (signal_process("/proc", id, 0, SIGKILL).outcome != SignalOutcome::kRecycled) failed |= 1;
    if (waitpid(second, nullptr, WNOHANG) != 0) failed |= 2;
    if (!wait_gone("/proc", {id}, 0).empty()) failed |= 4;
    if (signal_process("/proc", id_of(second), 0, SIGKILL).outcome != SignalOutcome::kSent) failed |= 8;
    waitpid(second, nullptr, 0);
    _exit(failed);
  }
  int status = 0;
  waitpid(outer, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    std::printf("skipped: no PID namespaces here\n");
    return;
  }
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Another login than the one that was judged belongs to another person; an unset one to no person.
void spares_another_login() {
  int ready[2];
  CHECK(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);
    const bool set = fd >= 0 && write(fd, "1001", 4) == 4;
    if (write(ready[1], set ? "s" : "n", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char answer = 0;
  CHECK(read(ready[0], &answer, 1) == 1);
  const ProcId id = id_of(child);
  const auto with = [&id](std::uint32_t login) {
    return signal_process("/proc", id, geteuid(), 0, login).outcome;
  };
  if (answer == 's') {
    CHECK(with(1002) == SignalOutcome::kForeign);
    CHECK(with(1001) == SignalOutcome::kSent);
    CHECK(outcome(id, geteuid(), 0) == SignalOutcome::kSent);
  } else {
    std::printf("skipped: no login uid can be set here\n");
  }
  end(child);
  const pid_t unset = spawn();
  std::uint32_t own = kUnsetId;
  std::ifstream("/proc/self/loginuid") >> own;
  if (own == kUnsetId)
    CHECK(signal_process("/proc", id_of(unset), geteuid(), 0, 1002).outcome == SignalOutcome::kSent);
  end(unset);
  close(ready[0]);
  close(ready[1]);
}

int run_all() {
  sends_only_to_the_same_process();
  never_signals_the_untouchable();
  spares_another_uid();
  spares_another_login();
  waits_for_the_dead();
  waits_without_descriptors();
  spares_a_recycled_pid();
  return report("signal");
}

}  // namespace

int main() {
  int failures = 0;
  for (const Kernel& kernel : kKernels) {
    std::printf("%s\n", kernel.name);
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      if (!become(kernel)) return 99;
      return run_all();
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) ++failures;
  }
  return failures == 0 ? 0 : 1;
}
