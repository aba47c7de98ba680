#include "core/signals/signal.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "core/base/clock.h"
#include "test/child.h"
#include "test/proc_fixture.h"
#include "test/refuse.h"

using namespace reaper;

namespace {

// The kernels that the product runs on, as a seccomp filter makes them.
struct Kernel {
  const char* name;
  int pidfd_open, send_signal;  // the errno with which they are refused; 0: they work
};

constexpr Kernel kKernels[] = {
    {"Linux 5.3 and newer", 0, 0},
    {"RHEL 8.6 to 8.10", ENOSYS, 0},
    {"RHEL 8.5 and older", ENOSYS, ENOSYS},
    {"a container's filter without pidfd_open", EPERM, 0},
    {"a container's filter without both", EPERM, EPERM},
};

bool g_has_pidfd = true, g_is_weak = false;

// From here on this process and its children have that kernel's system calls. With a pin, kill(2) of SIGTERM
// is refused: a signal that arrives all the same went through the descriptor.
bool become(const Kernel& kernel) {
  std::vector<Refusal> refusals;
  if (kernel.pidfd_open != 0) refusals.push_back({434, kernel.pidfd_open});
  if (kernel.send_signal != 0) refusals.push_back({424, kernel.send_signal});
  g_has_pidfd = kernel.pidfd_open == 0;
  g_is_weak = kernel.send_signal != 0;
  if (!g_is_weak) refusals.push_back({SYS_kill, EPERM, 1, ~0U, SIGTERM});
  return refuse(refusals);
}

SignalOutcome outcome(const ProcId& id, uid_t uid, int signo, const std::string& proc_root = "/proc",
                      std::optional<std::uint32_t> login = std::nullopt) {
  const SignalResult result = signal_process(proc_root, id, uid, signo, login);
  if (result.outcome == SignalOutcome::kSent && proc_root == "/proc") CHECK(result.weak == g_is_weak);
  return result.outcome;
}

void sends_only_to_the_same_process() {
  const Child child;
  const ProcId id = id_of(child.pid());
  CHECK(outcome({id.pid, id.start_time - 1}, geteuid(), SIGKILL) == SignalOutcome::kRecycled);
  CHECK(outcome(id, geteuid() + 1, SIGKILL) == SignalOutcome::kForeign);
  CHECK(child.lives());
  CHECK(outcome(id, geteuid(), 0) == SignalOutcome::kSent);
  CHECK(outcome(id, geteuid(), SIGTERM) == SignalOutcome::kSent);
  siginfo_t info{};
  CHECK(waitid(P_PID, static_cast<id_t>(id.pid), &info, WEXITED | WNOWAIT) == 0 && info.si_status == SIGTERM);
  CHECK(outcome(id, geteuid(), SIGTERM) == SignalOutcome::kGone);  // a zombie
  CHECK(wait_gone("/proc", {id}, 1000).empty());
  CHECK(waitpid(id.pid, nullptr, 0) == id.pid);
  CHECK(outcome(id, geteuid(), SIGTERM) == SignalOutcome::kGone);
  CHECK(outcome(id, geteuid(), 9999) == SignalOutcome::kGone);
  CHECK(!signal_process("/proc", id, geteuid(), SIGTERM).weak);
}

void never_signals_the_untouchable() {
  for (const pid_t pid : {-1, 0, 1, 2}) CHECK(outcome({pid, 0}, 0, 0) == SignalOutcome::kDenied);
  CHECK(outcome(id_of(getpid()), geteuid(), SIGTERM) == SignalOutcome::kDenied);
  const Child child;
  CHECK(outcome(id_of(child.pid()), geteuid(), SIGKILL, "/nonexistent") == SignalOutcome::kDenied);
  CHECK(outcome(id_of(child.pid()), geteuid(), 9999) == SignalOutcome::kDenied);
  CHECK(child.lives());
}

// Guard: what cannot be read, and one differing uid of four or another login, spares the process. The files
// are built; the number is a real child's.
void spares_what_is_not_surely_the_users() {
  const Child child;
  const std::string mine = std::to_string(geteuid()), other = std::to_string(geteuid() + 1);
  const auto uids = [](const std::string& r, const std::string& e, const std::string& s,
                       const std::string& f) {
    return "Name:\tx\nUid:\t" + r + "\t" + e + "\t" + s + "\t" + f + "\n";
  };
  const std::string good = uids(mine, mine, mine, mine);
  const struct {
    std::string status, login;
    SignalOutcome expected;
  } cases[] = {
      {good, "1001", SignalOutcome::kSent},
      {good, "4294967295", SignalOutcome::kSent},  // no login set it
      {good, "1002", SignalOutcome::kForeign},
      {good, "x", SignalOutcome::kDenied},
      {uids(other, mine, mine, mine), "1001", SignalOutcome::kForeign},
      {uids(mine, other, mine, mine), "1001", SignalOutcome::kForeign},
      {uids(mine, mine, other, mine), "1001", SignalOutcome::kForeign},
      {uids(mine, mine, mine, other), "1001", SignalOutcome::kForeign},
      {"Name:\tx\n", "1001", SignalOutcome::kDenied},
  };
  for (const auto& each : cases) {
    const ProcFixture fixture;
    FakeProcess fake;
    fake.pid = child.pid();
    fixture.add(fake);
    write_file(fixture.path(fake.pid, "status"), each.status);
    write_file(fixture.path(fake.pid, "loginuid"), each.login);
    const auto sent = [&] {
      return outcome({fake.pid, fake.start_time}, geteuid(), 0, fixture.root(), 1001);
    };
    CHECK(sent() == each.expected);
    // Nobody's login is asked for.
    if (each.login != "1001")
      CHECK(outcome({fake.pid, fake.start_time}, geteuid(), 0, fixture.root()) == SignalOutcome::kSent);
    std::filesystem::remove(fixture.path(fake.pid, "loginuid"));  // a kernel without audit
    if (each.login != "1001") CHECK(sent() == SignalOutcome::kSent);
    std::filesystem::create_directory(fixture.path(fake.pid, "loginuid"));  // EISDIR
    if (each.login != "1001") CHECK(sent() == SignalOutcome::kDenied);
    std::filesystem::remove(fixture.path(fake.pid, "status"));
    CHECK(sent() == SignalOutcome::kGone);
    std::filesystem::create_directory(fixture.path(fake.pid, "status"));  // EISDIR
    CHECK(sent() == SignalOutcome::kDenied);
    fake.state = 'X';
    write_file(fixture.path(fake.pid, "stat"), stat_line(fake));
    CHECK(sent() == SignalOutcome::kGone);
    std::filesystem::remove(fixture.path(fake.pid, "stat"));
    CHECK(sent() == SignalOutcome::kGone);
    std::filesystem::create_directory(fixture.path(fake.pid, "stat"));  // EISDIR
    CHECK(sent() == SignalOutcome::kDenied);
  }
  CHECK(child.lives());
}

// Guard: where nothing pins the process, its identity is checked again right before the signal. The files are
// built: the reading of the login waits until the number is another process's.
void checks_twice_without_a_pin() {
  if (g_has_pidfd) return;
  const Child child;
  const ProcFixture fixture;
  FakeProcess fake;
  fake.pid = child.pid();
  fixture.add(fake);
  write_file(fixture.path(fake.pid, "status"), "Name:\tx\nUid:\t0\t0\t0\t0\n");
  std::filesystem::remove(fixture.path(fake.pid, "loginuid"));
  CHECK(mkfifo(fixture.path(fake.pid, "loginuid").c_str(), 0600) == 0);
  const pid_t writer = fork();
  if (writer == 0) {
    const int fifo = open(fixture.path(fake.pid, "loginuid").c_str(), O_WRONLY | O_CLOEXEC);
    fake.start_time += 1;
    write_file(fixture.path(fake.pid, "stat"), stat_line(fake));
    _exit(write(fifo, "1001", 4) == 4 ? 0 : 1);
  }
  CHECK(outcome({fake.pid, fake.start_time}, 0, SIGKILL, fixture.root(), 1001) == SignalOutcome::kRecycled);
  CHECK(child.lives());
  waitpid(writer, nullptr, 0);
}

// One differing uid of four is enough: a setuid program is not only its user's.
void spares_another_uid() {
  if (geteuid() != 0) return skip("only root can start processes of two uids");
  const struct {
    uid_t real, effective, saved;
  } cases[] = {{1001, 0, 0}, {1001, 1001, 0}, {0, 1001, 1001}, {1001, 1002, 1001}};
  for (const auto& each : cases) {
    const Child child([&each](int) { return setresuid(each.real, each.effective, each.saved) == 0; });
    CHECK(outcome(id_of(child.pid()), 1001, SIGKILL) == SignalOutcome::kForeign);
    CHECK(child.lives());
  }
}

// Another login than the one that was judged belongs to another person.
void spares_another_login() {
  bool* set = static_cast<bool*>(mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  const Child child([set](int) {
    const int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);
    *set = fd >= 0 && write(fd, "1001", 4) == 4;
    return true;
  });
  if (!*set) return skip("no login uid can be set here");
  const ProcId id = id_of(child.pid());
  CHECK(outcome(id, geteuid(), 0, "/proc", 1002) == SignalOutcome::kForeign);
  CHECK(outcome(id, geteuid(), 0, "/proc", 1001) == SignalOutcome::kSent);
  CHECK(outcome(id, geteuid(), 0) == SignalOutcome::kSent);
}

// Guard: a process whose first thread has ended is a zombie by its state, and alive.
void signals_a_zombie_leader_with_threads() {
  const Child child(end_first_thread);
  const ProcId id = id_of(child.pid());
  CHECK(wait_gone("/proc", {id}, 0).size() == 1);
  CHECK(outcome(id, geteuid(), SIGTERM) == SignalOutcome::kSent);
  CHECK(wait_gone("/proc", {id}, 5000).empty());
}

// The number of a thread that is not the first one, with that thread's own start time, names no process: a
// signal would reach the process that the thread is of. Without pidfd_open(2) only the start time tells the
// two apart.
void spares_the_process_of_a_thread() {
  if (!g_has_pidfd) return;
  const Child child([](int) {
    pthread_t thread;
    const auto body = [](void*) -> void* {
      for (;;) pause();
    };
    return pthread_create(&thread, nullptr, body, nullptr) == 0;
  });
  const std::string tasks = "/proc/" + std::to_string(child.pid()) + "/task";
  for (const auto& entry : std::filesystem::directory_iterator(tasks)) {
    const pid_t thread = std::stoi(entry.path().filename());
    if (thread != child.pid()) CHECK(outcome(id_of(thread), geteuid(), SIGTERM) == SignalOutcome::kGone);
  }
  CHECK(child.lives());
}

// What the kernel answers to the pin, and to the signal through it. Guard: where the one failed, or the other
// for a reason of the process's own, nothing is sent by number.
void a_failure_is_no_reason_to_signal_by_number() {
  const struct {
    unsigned call;
    int error;
    SignalOutcome expected;
  } cases[] = {
      {434, EMFILE, SignalOutcome::kDenied}, {434, ENOMEM, SignalOutcome::kDenied},
      {434, EINVAL, SignalOutcome::kGone},   {434, ESRCH, SignalOutcome::kGone},
      {424, ESRCH, SignalOutcome::kGone},    {424, EAGAIN, SignalOutcome::kDenied},
  };
  for (const auto& each : cases) {
    const Child child;
    const ProcId id = id_of(child.pid());
    const bool asked = each.call == 434 ? g_has_pidfd : !g_is_weak;
    if (!asked) continue;  // refused already
    CHECK(exit_of([&] {
            return refuse({{each.call, each.error}}) && outcome(id, geteuid(), SIGKILL) == each.expected ? 0
                                                                                                         : 1;
          }) == 0);
    CHECK(child.lives());
  }
}

void waits_for_the_dead() {
  const Child lives, dies;
  const ProcId living = id_of(lives.pid()), dying = id_of(dies.pid());
  const std::int64_t before = now_ms();
  CHECK(wait_gone("/proc", {living, dying}, 60).size() == 2 && now_ms() - before >= 60);
  kill(dies.pid(), SIGKILL);
  auto survivors = wait_gone("/proc", {dying, living}, 100);
  CHECK(survivors.size() == 1 && survivors[0].pid == lives.pid());  // the dead one is still a zombie
  // It dies while it is waited for.
  const Child killer([&lives](int ready) {
    close(ready);
    usleep(50 * 1000);
    return kill(lives.pid(), SIGKILL) == 0;
  });
  CHECK(wait_gone("/proc", {living, dying}, 600000).empty());
  waitpid(lives.pid(), nullptr, 0);
  waitpid(dies.pid(), nullptr, 0);
  CHECK(wait_gone("/proc", {living, dying}, 0).empty());
  CHECK(wait_gone("/proc", {}, 10000).empty());
  CHECK(
      wait_gone("/proc", {{killer.pid(), 1}}, 0).empty());  // recycled: the one that was asked for has ended
  CHECK(wait_gone("/nonexistent", {id_of(killer.pid())}, 0).size() == 1);
}

// It takes one descriptor, however many processes are waited for.
void waits_without_descriptors() {
  CHECK(exit_of([] {
          const Child children[8];
          std::vector<ProcId> ids;
          for (const Child& child : children) ids.push_back(id_of(child.pid()));
          const auto next = static_cast<rlim_t>(open("/dev/null", O_RDONLY | O_CLOEXEC));
          const struct rlimit few = {next + 2, next + 2};
          if (close(static_cast<int>(next)) != 0 || setrlimit(RLIMIT_NOFILE, &few) != 0) return 2;
          for (int i = 4; i < 8; ++i) kill(ids[static_cast<std::size_t>(i)].pid, SIGKILL);
          if (wait_gone("/proc", {ids.begin() + 4, ids.end()}, 10000).size() != 0) return 3;
          return wait_gone("/proc", ids, 0).size() == 4 ? 0 : 1;
        }) == 0);
}

// In a PID namespace of its own a pid is made to come round: the successor must not be signalled. Nor may
// anything be while /proc still shows the namespace outside.
void spares_a_recycled_pid() {
  if (geteuid() != 0) return skip("only root can make a pid come round");
  const auto inside = [] {
    const auto set_last_pid = [](pid_t pid) { std::ofstream("/proc/sys/kernel/ns_last_pid") << pid; };
    set_last_pid(299);
    Child first;
    if (first.pid() != 300) return 77;
    int failed = 0;
    const SignalResult refused = signal_process("/proc", {300, 0}, 0, SIGKILL);
    if (refused.outcome != SignalOutcome::kDenied || refused.weak) failed |= 1;
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 77;
    if (mount("proc", "/proc", "proc", 0, nullptr) != 0) return 77;
    const ProcId id = id_of(first.pid());
    first.end();
    usleep(20 * 1000);  // the successor starts in a later clock tick: that is what tells the two apart
    set_last_pid(299);
    const Child second;
    if (second.pid() != 300) return 77;
    if (outcome(id, 0, SIGKILL) != SignalOutcome::kRecycled) failed |= 2;
    if (!second.lives()) failed |= 4;
    if (!wait_gone("/proc", {id}, 0).empty()) failed |= 8;
    if (outcome(id_of(second.pid()), 0, SIGKILL) != SignalOutcome::kSent) failed |= 16;
    return failed;
  };
  const int status =
      exit_of([&inside] { return unshare(CLONE_NEWPID | CLONE_NEWNS) != 0 ? 77 : exit_of(inside); });
  if (status == 77) return skip("no PID namespaces here");
  CHECK(status == 0);
}

int run_all(const Kernel& kernel) {
  if (!become(kernel)) return 99;
  sends_only_to_the_same_process();
  never_signals_the_untouchable();
  spares_what_is_not_surely_the_users();
  checks_twice_without_a_pin();
  spares_another_uid();
  spares_another_login();
  signals_a_zombie_leader_with_threads();
  spares_the_process_of_a_thread();
  a_failure_is_no_reason_to_signal_by_number();
  waits_for_the_dead();
  waits_without_descriptors();
  spares_a_recycled_pid();
  return report(kernel.name);
}

}  // namespace

int main() {
  for (const Kernel& kernel : kKernels) {
    const int status = exit_of([&kernel] { return run_all(kernel); });
    CHECK(status == 0 || status == 77);
    if (status == 77) ++g_skips;
  }
  return report("signal");
}
