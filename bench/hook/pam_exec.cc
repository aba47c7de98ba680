// Starts programs as pam_exec does and says what each cost: pam_exec RUNS LOGINUID PROGRAM...
// The programs take turns. One line per start: index, microseconds from fork to wait, peak resident KiB.
// Static, so that the memory of this process before its exec does not count as the program's peak.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

// What sshd's stack leaves there, and the items that pam_exec adds (pam_exec(8)).
char* const kEnvironment[] = {
    const_cast<char*>("LANG=C.UTF-8"),
    const_cast<char*>("PATH=/usr/local/bin:/usr/bin:/bin:/usr/games"),
    const_cast<char*>("XDG_SESSION_ID=1"),
    const_cast<char*>("XDG_RUNTIME_DIR=/run/user/4321"),
    const_cast<char*>("XDG_SESSION_TYPE=tty"),
    const_cast<char*>("XDG_SESSION_CLASS=user"),
    const_cast<char*>("DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/4321/bus"),
    const_cast<char*>("PAM_SERVICE=sshd"),
    const_cast<char*>("PAM_USER=alice"),
    const_cast<char*>("PAM_TTY=ssh"),
    const_cast<char*>("PAM_RHOST=192.0.2.1"),
    const_cast<char*>("PAM_TYPE=close_session"),
    nullptr,
};

double now_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

[[noreturn]] void become(char* program) {
  for (int fd = 0; fd < 3; ++fd) {
    const int null = open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
    if (null != fd && dup2(null, fd) < 0) _exit(126);
  }
  closefrom(3);
  setsid();
  char* const arguments[] = {program, nullptr};
  execve(program, arguments, kEnvironment);
  _exit(127);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 64;
  const int login_uid = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);
  if (write(login_uid, argv[2], strlen(argv[2])) < 0) return 77;
  const long runs = atol(argv[1]);
  for (long run = 0; run < runs; ++run) {
    for (int i = 3; i < argc; ++i) {
      const double began = now_us();
      const pid_t child = fork();
      if (child == 0) become(argv[i]);
      int status = -1;
      rusage usage{};
      if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) return 70;
      std::printf("%d %.1f %ld\n", i - 3, now_us() - began, usage.ru_maxrss);
    }
  }
  return 0;
}
