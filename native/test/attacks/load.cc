// One user's attempt to use up what a sweep has: `NODE MODE COUNT SIZE`, installed as an IDE's server, so
// that a sweep reads its processes. Says "ready" when all run; everything ends with its standard input, and
// after five minutes.
//   argv          COUNT processes with SIZE bytes of arguments each
//   environment   COUNT copy-on-write forks of one process with SIZE bytes of environment
//   descriptors   COUNT processes that share one table of SIZE descriptors
//   sockets       COUNT processes with SIZE connected unix sockets each
//   chain         COUNT nested processes
//   trees         COUNT servers of one process each, adopted by pid 1
//   held          COUNT servers that a tracer holds while they die (PTRACE_EVENT_EXIT)
//   subordinate   as trees, each under a subordinate uid, with SIZE bytes of arguments; says "map PID" and
//                 waits for a line, until somebody has written its uid_map
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr long kMostProcesses = 12000;
constexpr unsigned kSeconds = 300;
constexpr std::size_t kOneText = 100'000;  // below MAX_ARG_STRLEN
constexpr char kStep[] = "ATTACK_STEP";

char g_server[] = "/home/attacker/.vscode-server/bin/x/out/server-main.js";
char g_start[] = "--start-server";

// The pipe whose only writer is the first process: its end ends all.
int g_life = -1;
int g_ready = -1;

[[noreturn]] void stay() {
  (void)!write(g_ready, "x", 1);
  char byte = 0;
  (void)!read(g_life, &byte, 1);
  _exit(0);
}

// Executes this program again as a server with so much text in its arguments or its environment.
[[noreturn]] void become_server(const std::string& step, std::size_t arguments, std::size_t environment) {
  std::vector<std::string> texts;
  std::vector<char*> argv{const_cast<char*>("node"), g_server, g_start}, envp;
  const auto fill = [&](std::vector<char*>& into, std::size_t size) {
    for (std::size_t done = 0; done < size; done += kOneText)
      into.push_back(strdup(std::string(std::min(kOneText, size - done), 'x').c_str()));
  };
  fill(argv, arguments);
  fill(envp, environment);
  const std::string pipes =
      std::string(kStep) + "=" + step + "," + std::to_string(g_life) + "," + std::to_string(g_ready);
  envp.push_back(strdup(pipes.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  execve("/proc/self/exe", argv.data(), envp.data());
  _exit(1);
}

void fork_staying(long count) {
  for (long i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child == 0) stay();
    if (child < 0) break;
  }
  stay();
}

void share_descriptors(long count, long size) {
  for (long i = 0; i < size; ++i)
    if (dup(STDERR_FILENO) < 0) break;
  for (long i = 0; i < count; ++i) {
    // As fork does, with one table of descriptors for all.
    const long child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (child == 0) stay();
    if (child < 0) break;
  }
  stay();
}

void open_sockets(long count, long size) {
  for (long i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child < 0) break;
    if (child > 0) continue;
    int pair[2];
    for (long made = 0; made < size; made += 2)
      if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) break;
    stay();
  }
  stay();
}

void nest(long count) {
  for (long i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child != 0) stay();
  }
  stay();
}

int carry_on(const char* step) {
  char mode[32] = "";
  long count = 0, size = 0;
  if (std::sscanf(step, "%31[^,],%ld,%ld,%d,%d", mode, &count, &size, &g_life, &g_ready) != 5) return 64;
  if (std::strcmp(mode, "descriptors") == 0) share_descriptors(count, size);
  if (std::strcmp(mode, "sockets") == 0) open_sockets(count, size);
  if (std::strcmp(mode, "chain") == 0) nest(count);
  fork_staying(std::strcmp(mode, "environment") == 0 ? count : 0);
  return 0;
}

// Enters a user namespace, whose uids root or newuidmap says.
bool enter_namespace() {
  if (unshare(CLONE_NEWUSER) != 0) return false;
  std::printf("map %d\n", getpid());
  std::fflush(stdout);
  char byte = 0;
  return read(STDIN_FILENO, &byte, 1) == 1;
}

// Goes on as a child of pid 1 without the starter's input and output; tells it the new pid.
void leave(int to) {
  const pid_t starter = getppid();
  if (setsid() < 0 || fork() != 0) _exit(0);
  prctl(PR_SET_PTRACER, starter);
  const int nothing = open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2; ++fd) dup2(nothing, fd);
  const pid_t pid = getpid();
  (void)!write(to, &pid, sizeof pid);
}

// Traces processes until somebody writes: what dies never gets any further.
void hold_the_dying() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (poll(&input, 1, 10) == 0) {
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0;) {
      const int event = status >> 16, signo = WSTOPSIG(status);
      if (!WIFSTOPPED(status) || event == PTRACE_EVENT_EXIT) continue;
      if (event == PTRACE_EVENT_STOP)
        ptrace(signo == SIGTRAP ? PTRACE_CONT : PTRACE_LISTEN, pid, nullptr, nullptr);
      else
        ptrace(PTRACE_CONT, pid, nullptr, signo);
    }
  }
}

void raise(int resource, rlim_t wanted) {
  rlimit limit{};
  getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(static_cast<__rlimit_resource>(resource), &limit);
}

}  // namespace

int main(int argc, char** argv) {
  alarm(kSeconds);
  if (const char* step = std::getenv(kStep)) return carry_on(step);
  if (argc != 4) return 64;
  const std::string mode = argv[1];
  const long count = std::min(std::atol(argv[2]), kMostProcesses), size = std::atol(argv[3]);
  raise(RLIMIT_NOFILE, 65536);
  raise(RLIMIT_STACK, rlim_t{64} << 20);  // a quarter of it bounds arguments and environment (execve(2))
  int life[2], ready[2], tracees[2];
  if (pipe(life) != 0 || pipe(ready) != 0 || pipe2(tracees, O_CLOEXEC) != 0) return 1;
  g_life = life[0];
  g_ready = ready[1];
  const std::string step = mode + "," + std::to_string(count) + "," + std::to_string(size);
  const bool is_subordinate = mode == "subordinate", is_held = mode == "held";
  const bool is_adopted = mode == "trees" || is_subordinate || is_held;
  const bool is_server_each = mode == "argv" || is_adopted;
  if (is_subordinate && !enter_namespace()) return 1;
  const long starts = is_server_each ? count : 1;
  for (long i = 0; i < starts; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      close(life[1]);
      if (is_adopted) leave(tracees[1]);
      if (is_subordinate && setuid(static_cast<uid_t>(i + 1)) != 0) _exit(1);
      become_server(step, mode == "argv" || is_subordinate ? static_cast<std::size_t>(size) : 0,
                    mode == "environment" ? static_cast<std::size_t>(size) : 0);
    }
    if (child < 0) break;
    pid_t adopted = 0;
    if (is_held && (read(tracees[0], &adopted, sizeof adopted) != sizeof adopted ||
                    ptrace(PTRACE_SEIZE, adopted, nullptr, PTRACE_O_TRACEEXIT) != 0))
      return 1;
  }
  close(ready[1]);
  char byte = 0;
  const long expected = is_server_each ? count : count + 1;
  for (long seen = 0; seen < expected; ++seen)
    if (read(ready[0], &byte, 1) <= 0) break;
  std::puts("ready");
  std::fflush(stdout);
  if (is_held) hold_the_dying();
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
