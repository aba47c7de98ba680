// Starts programs in turn and says what each cost: stopwatch RUNS -- PROGRAM ARGUMENTS... [-- PROGRAM ...]...
// A line a start: index, microseconds from fork to wait, microseconds of processor time (of its children
// too), peak resident KiB, exit status (128 and the signal where one ended it). They are started as
// pam_exec(8) starts one: a session of their own, no descriptor open but 0 to 2, and those at /dev/null.
// Static, so that the memory of this process before its exec does not count as a program's peak.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

double now_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double us_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
}

[[noreturn]] void become(char* const* program) {
  for (int fd = 0; fd < 3; ++fd) {
    const int null = open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
    if (null != fd && dup2(null, fd) < 0) _exit(126);
  }
  closefrom(3);
  setsid();
  execvp(program[0], program);
  _exit(127);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 64;
  std::vector<char* const*> programs;
  for (int i = 2; i < argc; ++i) {
    if (std::strcmp(argv[i], "--") != 0) continue;
    argv[i] = nullptr;  // ends the arguments of the program before
    if (i + 1 < argc) programs.push_back(argv + i + 1);
  }
  const long runs = std::atol(argv[1]);
  for (long run = 0; run < runs; ++run) {
    for (std::size_t i = 0; i < programs.size(); ++i) {
      const double began = now_us();
      const pid_t child = fork();
      if (child == 0) become(programs[i]);
      int status = -1;
      rusage usage{};
      if (child < 0 || wait4(child, &status, 0, &usage) != child) return 70;
      const double took = now_us() - began;
      const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      std::printf("%zu %.1f %.1f %ld %d\n", i, took, us_of(usage.ru_utime) + us_of(usage.ru_stime),
                  usage.ru_maxrss, code);
    }
  }
  return 0;
}
