// Child processes of tests, and what a test knows of itself.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "core/proc/proc_dir.h"
#include "core/proc/process.h"
#include "test/check.h"

namespace reaper {

// A child that does `run` and then lives until it is ended. It is ready when `run` has returned true, has
// executed another program, or has closed the descriptor that it is given.
class Child {
 public:
  template <typename Run>
  explicit Child(Run run) {
    int ready[2];
    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(ready[0]);
      if (!run(ready[1])) _exit(1);
      close(ready[1]);
      for (;;) pause();
    }
    close(ready[1]);
    char byte;
    CHECK(read(ready[0], &byte, 1) == 0);
    close(ready[0]);
  }
  Child() : Child([](int) { return true; }) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(); }

  pid_t pid() const { return pid_; }
  bool lives() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }
  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

// The exit status of a child that does this; -1: a signal ended it. It may become another user.
template <typename Run>
int exit_of(Run run) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);  // a signal that never arrives is a failure and no hang
    const int status = run();
    std::fflush(stdout);
    _exit(status);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// For Child: ends the first thread of the process, which a second one survives.
inline bool end_first_thread(int ready) {
  static int g_ready = ready;
  static pid_t g_leader = getpid();
  pthread_t thread;
  const auto body = [](void*) -> void* {
    // The leader is known to have ended when its state says so.
    for (Stat stat; stat.state != 'Z';) ProcDir::open("/proc").value().read_stat(g_leader, -1, &stat);
    close(g_ready);
    for (;;) pause();
  };
  if (pthread_create(&thread, nullptr, body, nullptr) != 0) return false;
  pthread_exit(nullptr);
}

inline ProcId id_of(pid_t pid, const std::string& root = "/proc") {
  auto proc = ProcDir::open(root);
  Stat stat;
  CHECK(proc.ok() && proc.value().read_stat(pid, -1, &stat) == 0);
  return {pid, stat.start_time};
}

inline int open_fds() {
  int count = 0;
  DIR* folder = opendir("/proc/self/fd");
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

}  // namespace reaper
