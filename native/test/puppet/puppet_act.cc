// What a puppet does once it runs under its final name.
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "test/puppet/puppet.h"
#include "test/puppet/puppet_sockets.h"

namespace reaper::puppet {

namespace {

struct Role {
  std::string behaviours;
  std::string run;
  long index = 0;
  Sockets sockets;
};

Role g_role;
volatile sig_atomic_t g_asked_to_end = 0;

void note_term(int) { g_asked_to_end = 1; }

bool acts(const char* name, std::string* value = nullptr) { return has(g_role.behaviours, name, value); }

void report_fork() { report(kReportFd, "ready %ld %d fork", g_role.index, getpid()); }

// Ends by itself when the stage marks the end or is gone, so a chain cannot outlive its test.
[[noreturn]] void run_fork_chain() {
  std::string mark = g_role.run + "/stop";
  while (true) {
    if (fork() != 0) _exit(0);
    pollfd stage{kReportFd, 0, 0};
    if (access(mark.c_str(), F_OK) == 0 || poll(&stage, 1, 0) != 0) _exit(0);
    timespec breath{0, 200000};
    nanosleep(&breath, nullptr);
  }
}

void act_on_term() {
  std::string value;
  if (acts("fork-chain")) run_fork_chain();
  if (acts("fork-on-term", &value)) {
    for (long n = number(value); n > 0; --n) {
      if (fork() != 0) continue;
      signal(SIGTERM, SIG_IGN);
      report_fork();
      return;
    }
  } else if (acts("exit-after-term", &value)) {
    pause_ms(static_cast<int>(number(value)));
  } else if (acts("term-slow")) {
    pause_ms(9000);  // as long as a real server was seen to need
  }
  _exit(0);
}

// For ever, or until the stage is gone: the read end of the report pipe closes with it.
[[noreturn]] void hold() {
  sigset_t none;
  sigemptyset(&none);
  while (true) {
    std::vector<pollfd> watched = g_role.sockets.watched();
    watched.push_back({kReportFd, 0, 0});
    int n = ppoll(watched.data(), watched.size(), nullptr, &none);
    if (g_asked_to_end != 0) {
      g_asked_to_end = 0;
      act_on_term();
    }
    if (n <= 0) continue;
    if (watched.back().revents != 0) _exit(0);
    watched.pop_back();
    g_role.sockets.serve(watched);
  }
}

// argv is the process's own memory, so it can show anything; the kernel then reports that.
void rewrite_argv(int argc, char** argv, const std::string& title) {
  char* end = argv[argc - 1] + strlen(argv[argc - 1]);
  auto room = static_cast<size_t>(end - argv[0]);
  memset(argv[0], 0, room);
  memcpy(argv[0], title.data(), title.size() < room ? title.size() : room);
}

bool take_memory(long mib) {
  if (mib <= 0) return mib == 0;
  size_t size = static_cast<size_t>(mib) << 20;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  memset(memory, 1, size);
  return true;
}

void install_handlers() {
  signal(SIGCHLD, SIG_IGN);  // children are collected at once, as node does
  if (!acts("fork-on-term") && !acts("exit-after-term") && !acts("term-slow") && !acts("fork-chain")) return;
  struct sigaction action{};
  action.sa_handler = note_term;
  sigset_t handled;
  sigemptyset(&handled);
  sigaddset(&handled, SIGTERM);
  // Blocked outside ppoll, so that a signal cannot fall between the look at the flag and the wait.
  sigprocmask(SIG_BLOCK, &handled, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void announce() {
  report(kReportFd, "ready %ld %d%s", g_role.index, getpid(), g_role.sockets.describe().c_str());
}

void* second_thread(void*) {
  announce();
  hold();
}

// A whole flat group at once for benchmark hosts: copies share this process's executable, argv and memory.
void fork_copies() {
  std::string copies;
  for (long n = acts("copies", &copies) ? number(copies) : 0; n > 0; --n) {
    pid_t pid = fork();
    if (pid == 0) hold();
    if (pid < 0) {
      report(kReportFd, "error %ld fork", g_role.index);
      _exit(70);
    }
  }
}

}  // namespace

int run_behaviours(int argc, char** argv) {
  std::string value, error;
  const char* node = getenv("PUPPET_NODE");
  const char* run = getenv("PUPPET_RUN");
  g_role.behaviours = getenv("PUPPET_BEHAVIOUR");
  g_role.index = node == nullptr ? 0 : number(node);
  g_role.run = run == nullptr ? "" : run;
  install_handlers();
  if (acts("comm", &value)) prctl(PR_SET_NAME, value.c_str());
  if (acts("mem", &value) && !take_memory(number(value))) error = "mem";
  if (error.empty()) error = g_role.sockets.open_all(g_role.behaviours, g_role.run, g_role.index);
  if (!error.empty()) {
    report(kReportFd, "error %ld %s", g_role.index, error.c_str());
    return 70;
  }
  if (acts("title", &value)) rewrite_argv(argc, argv, value);
  if (acts("hide-argv")) rewrite_argv(argc, argv, "");
  if (acts("nodump")) prctl(PR_SET_DUMPABLE, 0);
  fork_copies();
  if (acts("zombie-leader")) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, second_thread, nullptr) != 0) return 70;
    syscall(SYS_exit, 0);  // this thread only; pthread_exit would need a shared library
  }
  announce();
  if (acts("stop")) raise(SIGSTOP);
  hold();
}

}  // namespace reaper::puppet
