// Stages one attack on the sweep's budgets, in bounded size, as whatever user starts it: `attack KIND COUNT`.
// Prints "ready" and its pids once the attack stands, and ends with its parent or when its standard input
// closes.
//   descriptors COUNT  COUNT processes that share a table of 16,000 descriptors of sockets
//   argv COUNT         COUNT processes with command lines of 32 KiB, whose executable looks like a server's
//   environ COUNT      COUNT forks of a process with 5 MB of environment, whose executable looks like a
//   server's sockets COUNT      COUNT connected unix sockets processes COUNT    a chain of COUNT processes,
//   each the parent of the next, below a server
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int kDescriptors = 16000;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::_Exit(2);
}

[[noreturn]] void wait_for_end() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) pause();
}

// Starts a process that says nothing and waits. `flags`: CLONE_FILES shares the table of descriptors.
pid_t start(unsigned long flags = 0) {
  const auto child =
      static_cast<pid_t>(syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (child < 0) give_up("clone");
  if (child == 0) wait_for_end();
  return child;
}

void open_sockets(int count) {
  for (int i = 0; i < count; i += 2) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) give_up("socketpair");
  }
}

std::vector<pid_t> share_descriptors(int count) {
  open_sockets(kDescriptors);
  std::vector<pid_t> pids;
  for (int i = 0; i < count; ++i) pids.push_back(start(CLONE_FILES));
  return pids;
}

std::vector<pid_t> hold_sockets(int count) {
  std::vector<pid_t> pids;
  for (int left = count; left > 0; left -= kDescriptors) {
    const pid_t child = fork();
    if (child < 0) give_up("fork");
    if (child == 0) {
      open_sockets(left < kDescriptors ? left : kDescriptors);
      wait_for_end();
    }
    pids.push_back(child);
  }
  return pids;
}

// Runs this program again from a server's folder, with these words and variables; it then waits.
pid_t run_as_server(const std::string& program, std::vector<std::string> words,
                    std::vector<std::string> variables) {
  int gate[2];
  if (pipe2(gate, O_CLOEXEC) != 0) give_up("pipe2");
  const pid_t child = fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> list;
      for (std::string& text : texts) list.push_back(text.data());
      list.push_back(nullptr);
      return list;
    };
    execve(program.c_str(), pointers(words).data(), pointers(variables).data());
    give_up("execve");
  }
  close(gate[1]);
  char byte = 0;
  if (read(gate[0], &byte, 1) != 0) give_up("exec");
  close(gate[0]);
  return child;
}

char g_folder[] = "/tmp/reaper-attack-XXXXXX";

std::string copy_to_server_folder() {
  if (mkdtemp(g_folder) == nullptr) give_up("mkdtemp");
  const std::string place = std::string(g_folder) + "/.vscode-server/bin/x";
  const std::string copy =
      "mkdir -p " + place + " && cp /proc/" + std::to_string(getpid()) + "/exe " + place + "/node";
  if (std::system(copy.c_str()) != 0) give_up("copy");
  return place + "/node";
}

std::vector<pid_t> fill_argv(int count) {
  const std::string program = copy_to_server_folder();
  std::vector<std::string> words{program, "--wait"};
  while (words.size() < 1000) words.emplace_back(30, 'x');
  std::vector<pid_t> pids;
  for (int i = 0; i < count; ++i) pids.push_back(run_as_server(program, words, {}));
  return pids;
}

std::vector<pid_t> fill_environ(int count) {
  const rlimit stack{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_STACK, &stack);
  const std::string program = copy_to_server_folder();
  std::vector<std::string> variables;
  for (int i = 0; i < 50; ++i) variables.push_back("V" + std::to_string(i) + "=" + std::string(100000, 'x'));
  return {run_as_server(program, {program, "--fork", std::to_string(count)}, variables)};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string kind = argc > 1 ? argv[1] : "";
  const int count = argc > 2 ? std::atoi(argv[2]) : 0;
  if (kind == "--wait") wait_for_end();
  if (kind == "--fork") {
    for (int i = 1; i < count; ++i) start();
    wait_for_end();
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit many{kDescriptors + 100, kDescriptors + 100};
  setrlimit(RLIMIT_NOFILE, &many);
  std::vector<pid_t> pids;
  if (kind == "descriptors") pids = share_descriptors(count);
  if (kind == "sockets") pids = hold_sockets(count);
  if (kind == "argv") pids = fill_argv(count);
  if (kind == "environ") pids = fill_environ(count);
  if (pids.empty()) return 64;
  // The processes run on; the names of their executables stay with " (deleted)".
  static_cast<void>(!std::system(("rm -rf " + std::string(g_folder)).c_str()));
  std::printf("ready");
  for (const pid_t pid : pids) std::printf(" %d", pid);
  std::printf("\n");
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  std::_Exit(0);
}
