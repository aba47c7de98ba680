// keep SECONDS: sleeps that long in the background, then ends. While it lives the sweep leaves its user's
// trees alone (src/core/observation/keep.ts). `vscode-grim-reaper keep` starts it, and `ps` shows it.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace {

constexpr time_t kMostSeconds = 366 * 86400;
constexpr int kUsage = 64, kFailed = 71;  // sysexits.h

// Answers 0 for anything but a whole number of seconds within the bound.
time_t seconds_of(const char* text) {
  time_t seconds = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, seconds);
  return error == std::errc() && stop == end && seconds <= kMostSeconds ? std::max<time_t>(seconds, 0) : 0;
}

// Guard: a pipe or a terminal that it held would keep its caller or an ssh session waiting.
bool let_go_of_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  const auto end = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 20));
  for (int fd = 0; fd < end; ++fd) (void)close(fd);
  return open("/dev/null", O_RDWR) == 0 && dup(0) == 1 && dup(0) == 2;
}

int sleep_for(time_t seconds) {
  // CLOCK_BOOTTIME: the sweep counts from the start of the process, by that clock.
  timespec end{};
  if (clock_gettime(CLOCK_BOOTTIME, &end) != 0) return kFailed;
  end.tv_sec += seconds;
  while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &end, nullptr) == EINTR) {
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const time_t seconds = argc == 2 ? seconds_of(argv[1]) : 0;
  if (seconds == 0) {
    constexpr char kMessage[] = "usage: keep SECONDS (at most 31622400); see vscode-grim-reaper keep\n";
    (void)!write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1);
    return kUsage;
  }
  // The end of a terminal or of a login must not end it; it is ignored before there is a process to end.
  (void)signal(SIGHUP, SIG_IGN);
  const pid_t child = fork();
  if (child != 0) return child < 0 ? kFailed : 0;
  if (setsid() < 0 || chdir("/") != 0 || !let_go_of_files()) return kFailed;
  return sleep_for(seconds);
}
