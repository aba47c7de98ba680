// The helper: what it holds and blocks, how it ends, and what its parent believes of it.
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "core/base/clock.h"
#include "core/signals/signal.h"
#include "test/killable/helpers.h"
#include "test/killable/host.h"
#include "test/refuse.h"

using namespace reaper;

namespace {

int g_kills = 0;  // calls of kill(2)
int g_unfinished =
    0;  // so many calls of waitpid(2) find the child alive, as one that is blocked in the kernel
bool g_is_late = false;  // waitpid(2) comes when the kernel has collected the child
bool g_is_orphan = false;

}  // namespace

// What the reader calls in place of glibc's.
extern "C" int kill(pid_t pid, int signo) noexcept {
  ++g_kills;
  return static_cast<int>(syscall(SYS_kill, pid, signo));
}
extern "C" pid_t waitpid(pid_t pid, int* status, int options) {
  if (g_unfinished > 0 && g_unfinished-- > 0) return 0;
  while (g_is_late && syscall(SYS_kill, pid, 0) == 0) usleep(100);
  return static_cast<pid_t>(syscall(SYS_wait4, pid, status, options, nullptr));
}
extern "C" pid_t getppid() noexcept { return g_is_orphan ? 1 : static_cast<pid_t>(syscall(SYS_getppid)); }

namespace {

struct Read {
  std::vector<ArgvResult> results;
  std::vector<Fault> faults;
};
Read read_from(const Host& host, const std::vector<ArgvRequest>& requests, int timeout_ms = 2000,
               int budget_ms = 5000) {
  Read read;
  MemoryReader reader = host.reader(timeout_ms, budget_ms);
  read.results = read_argv(reader, requests, &read.faults);
  return read;
}

// Guard: what no helper has read is unknown, and no empty command line.
void without_a_helper_nothing_is_known() {
  const Host host;
  host.add(10, {"a"});
  // Each prepares a process in which the reader fails.
  const struct {
    bool (*prepare)();
    const char* detail;
  } rows[] = {
      {[] {
         // Processes of this uid are not counted for root: become someone else, who may have none.
         const struct rlimit none = {0, 0};
         return (geteuid() != 0 || setresuid(64123, 64123, 64123) == 0) &&
                setrlimit(RLIMIT_NPROC, &none) == 0;
       },
       "fork: Resource temporarily unavailable"},
      {[] {
         const auto next = static_cast<rlim_t>(dup(0));
         const struct rlimit few = {next + 2, next + 2};  // for the pipe alone
         return close(static_cast<int>(next)) == 0 && setrlimit(RLIMIT_NOFILE, &few) == 0;
       },
       "the helper ended early: No child processes"},
      {[] {
         const auto next = static_cast<rlim_t>(dup(0));
         const struct rlimit few = {next, next};
         return close(static_cast<int>(next)) == 0 && setrlimit(RLIMIT_NOFILE, &few) == 0;
       },
       "pipe2: Too many open files"},
      {[] { return g_is_orphan = true; }, "the helper ended early: No child processes"},
      {[] { return refuse({{SYS_fchdir, EACCES}}); }, "the helper ended early: No child processes"},
      {[] { return refuse({{SYS_mmap, ENOMEM, 3, MAP_SHARED, MAP_SHARED}}); },
       "mmap: Cannot allocate memory"},
  };
  for (const auto& row : rows)
    CHECK(exit_of([&] {
            if (!row.prepare()) return 2;
            const auto [results, faults] = read_from(host, {{10, 1}, {11, 1}});
            for (const ArgvResult& result : results)
              if (result.error != EIO || result.status != ArgvStatus::kDenied) return 3;
            return faults.size() == 1 && faults[0].detail == row.detail && collects_helpers() ? 0 : 1;
          }) == 0);
}

// The host program's own children, descriptors and signal mask are none of the reader's business.
void leaves_the_host_alone() {
  const Host host;
  host.add(10, {"a"});
  host.add(11, {}, true);
  const pid_t other = fork();
  if (other == 0) _exit(42);
  const int before = open_fds();
  for (int i = 0; i < 20; ++i) read_from(host, {{10, 1}, {11, 1}, {10, 1}}, 20);
  CHECK(open_fds() == before);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    CHECK(line.find("/dev/zero") == line.npos);  // shared memory
  int status = 0;
  CHECK(waitpid(other, &status, 0) == other);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
  sigset_t mask;
  sigprocmask(SIG_BLOCK, nullptr, &mask);
  CHECK(sigismember(&mask, SIGTERM) == 0 && sigismember(&mask, SIGCHLD) == 0);
  CHECK(collects_helpers());
}

// Guard: where the host ignores SIGCHLD the kernel collects the helper, and its number may be another
// process's.
void a_collected_helper_gets_no_signal() {
  const Host host;
  host.add(10, {"a"});
  CHECK(exit_of([&host] {
          signal(SIGCHLD, SIG_IGN);
          g_is_late = true;
          g_kills = 0;
          const auto [results, faults] = read_from(host, {{10, 1}});
          return results[0].status == ArgvStatus::kRead && faults.empty() && g_kills == 0 ? 0 : 1;
        }) == 0);
}

void one_that_cannot_die_yet_is_collected_later() {
  const Host host;
  host.add(10, {}, true);
  host.add(11, {"a"});
  g_unfinished = 101;  // before the signal, and a hundred times after it
  CHECK(read_from(host, {{10, 1}}, 20).results[0].status == ArgvStatus::kTimeout && g_unfinished == 0);
  read_from(host, {{11, 1}});
  CHECK(collects_helpers());
}

// A child of this process.
pid_t helper_of(pid_t program) {
  auto proc = ProcDir::open("/proc").take();
  for (;;) {
    const std::vector<pid_t> pids = proc.list().take();
    for (const pid_t pid : pids)
      if (Stat stat; proc.read_stat(pid, -1, &stat) == 0 && stat.ppid == program) return pid;
  }
}

void reads_what_there_is_room_for() {
  const ProcFixture fixture;
  const std::string path = fixture.root() + "/file";
  write_file(path, std::string(20, 'x'));
  for (const std::size_t room : {4, 10, 19, 20, 21, 30})
    for (const std::size_t piece : {4, 7, 100}) {
      std::string to(40, '-');
      std::size_t size = 0;
      CHECK(read_in_helper(path.c_str(), piece, to.data(), room, &size) == 0);
      CHECK(size == std::min(room, std::size_t{20}));
      CHECK(to == std::string(size, 'x') + std::string(40 - size, '-'));
    }
  std::size_t size = 0;
  char byte;
  CHECK(read_in_helper("/", 1, &byte, 1, &size) == EISDIR);
  CHECK(read_in_helper("/proc/self", 1, &byte, 1, &size) == ELOOP);
  CHECK(read_in_helper((path + "none").c_str(), 1, &byte, 1, &size) == ENOENT);
}

// A helper that hangs must not hold a descriptor of the host's (its lock, its standard output): here a pipe,
// whose end of file shows that no process has the other end any more. It runs no handler of the host's, and
// ends with the host.
int g_end = -1;

void the_helper_holds_nothing() {
  const Host host;
  host.add(10, {}, true);
  for (const bool has_close_range : {true, false}) {
    int fds[2];
    CHECK(pipe(fds) == 0);
    const pid_t program = fork();
    if (program == 0) {
      close(fds[0]);
      g_end = fds[1];
      if (!has_close_range && !refuse({{436, ENOSYS}})) _exit(1);
      signal(SIGALRM, [](int) { close(g_end); });
      const struct itimerval soon = {{0, 0}, {0, 100 * 1000}};
      setitimer(ITIMER_REAL, &soon, nullptr);
      read_from(host, {{10, 1}}, 60000, 60000);
      _exit(0);
    }
    close(fds[1]);
    const pid_t helper = helper_of(program);
    struct pollfd end = {fds[0], POLLIN, 0};
    CHECK(poll(&end, 1, 10000) == 1 && end.revents == POLLHUP);
    CHECK(waitpid(program, nullptr, WNOHANG) == 0);  // by the program's close, not by the helper's end
    close(fds[0]);
    auto proc = ProcDir::open("/proc").take();
    std::string_view status;
    CHECK(proc.read(proc.fd(), (std::to_string(helper) + "/status").c_str(), &status) == 0);
    const std::string blocked(status.substr(status.find("SigBlk:\t") + 8, 16));
    for (const int signo : {SIGTERM, SIGINT, SIGCHLD, SIGUSR1})
      CHECK((std::stoull(blocked, nullptr, 16) >> (signo - 1) & 1) == 1);
    const ProcId id = id_of(helper);
    kill(program, SIGKILL);
    waitpid(program, nullptr, 0);
    CHECK(wait_gone("/proc", {id}, 10000).empty());
  }
}

// In the helper: 1 has 5 ms of work and next to no processor for it, 2 is busy for ever, 4 both.
int read_at_last(const char* path, const MemoryFile&, char* to, HelperAnswer* answer) {
  const sched_param none{};
  if (path[0] == '1' || path[0] == '4') CHECK(sched_setscheduler(0, SCHED_IDLE, &none) == 0);
  const std::int64_t end = now_ms(CLOCK_PROCESS_CPUTIME_ID) + 5;
  while (path[0] == '2' || path[0] == '4' || (path[0] == '1' && now_ms(CLOCK_PROCESS_CPUTIME_ID) < end)) {
  }
  *to = path[0];
  answer->length = 1;
  return 0;
}

// Guard: no user pays for the time in which the helper waits for a processor. A file that keeps the helper
// busy uses up its user's time.
void a_loaded_host_makes_nobody_unknown() {
  const Child busy([](int ready) {
    close(ready);
    while (now_ms() != 0) {
    }
    return true;
  });
  cpu_set_t before, one;
  CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &before)) ++cpu;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  CHECK(sched_setaffinity(busy.pid(), sizeof one, &one) == 0 && sched_setaffinity(0, sizeof one, &one) == 0);
  const UniqueFd proc(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  MemoryReader reader({"read at last", 64, 1000, read_at_last}, proc.get(), 20, 5000);
  std::vector<Fault> faults;
  std::string read;
  reader.read(
      {{"2", 2}, {"1", 1}, {"3", 3}}, [&](std::size_t, int, std::string_view text) { read += text; },
      &faults);
  CHECK(read == "13" && faults.empty());
  // 4 has next to no processor and never ends: in all its helpers get ten times the budget.
  MemoryReader short_reader({"read at last", 64, 1000, read_at_last}, proc.get(), 20, 100);
  const std::int64_t start = now_ms();
  short_reader.read({{"4", 4}}, [](std::size_t, int, std::string_view) {}, &faults);
  CHECK(now_ms() - start < 5000 && faults.empty());
  CHECK(sched_setaffinity(0, sizeof before, &before) == 0);
}

}  // namespace

int main() {
  without_a_helper_nothing_is_known();
  leaves_the_host_alone();
  a_collected_helper_gets_no_signal();
  one_that_cannot_die_yet_is_collected_later();
  reads_what_there_is_room_for();
  the_helper_holds_nothing();
  a_loaded_host_makes_nobody_unknown();
  return report("helper");
}
