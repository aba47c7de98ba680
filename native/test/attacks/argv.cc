// Many processes with long command lines that look like an IDE's server's: `attack_argv COUNT BYTES`. Says
// "ready" when all run; all end with its standard input, and with it.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr unsigned kMostProcesses = 2000;
constexpr std::size_t kMostBytes = 120'000;
constexpr unsigned kSeconds = 60;

// One argument below MAX_ARG_STRLEN (128 KiB); the name makes the sweep read it.
int wait_under(const char* self, std::size_t bytes) {
  std::string filler(bytes, 'x');
  char server[] = "/home/attacker/.vscode-server/bin/x/out/server-main.js";
  char start[] = "--start-server";
  std::string name = "node";
  char* arguments[] = {name.data(), server, start, filler.data(), nullptr};
  char wait[] = "ATTACK_WAIT=1";
  char* environment[] = {wait, nullptr};
  execve(self, arguments, environment);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  alarm(kSeconds);
  if (std::getenv("ATTACK_WAIT") != nullptr) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  if (argc != 3) return 64;
  const unsigned count = std::min(static_cast<unsigned>(std::atoi(argv[1])), kMostProcesses);
  const std::size_t bytes = std::min(static_cast<std::size_t>(std::atoi(argv[2])), kMostBytes);
  std::vector<pid_t> children;
  for (unsigned i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child < 0) break;
    if (child == 0) _exit(wait_under("/proc/self/exe", bytes));
    children.push_back(child);
  }
  sleep(1);
  std::puts("ready");
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  for (const pid_t child : children) kill(child, SIGKILL);
  return 0;
}
