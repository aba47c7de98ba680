// Benchmark hosts (many sleeping processes, quickly) and a first process for pid namespaces.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "test/puppet/puppet.h"

namespace reaper::puppet {

namespace {

bool read_lines(std::string* text) {
  char block[65536];
  while (true) {
    ssize_t n = read(0, block, sizeof block);
    if (n <= 0) return false;
    text->append(block, static_cast<size_t>(n));
    if (*text == ".\n" || (text->size() >= 3 && text->compare(text->size() - 3, 3, "\n.\n") == 0)) {
      text->resize(text->size() - 2);
      return true;
    }
  }
}

// One report of each group's first process; its copies exist by then.
bool wait_for_reports(int fd, size_t groups) {
  std::string text;
  char block[65536];
  size_t ready = 0;
  while (ready < groups) {
    pollfd watched{fd, POLLIN, 0};
    if (poll(&watched, 1, 8 * kPatienceMs) <= 0) return false;
    ssize_t n = read(fd, block, sizeof block);
    if (n <= 0) return false;
    text.append(block, static_cast<size_t>(n));
    std::vector<std::string> lines = split(text, '\n');
    text = lines.back();
    lines.pop_back();
    for (const std::string& line : lines) {
      if (line.compare(0, 6, "error ") == 0) {
        std::printf("%s\n", line.c_str());
        return false;
      }
      if (line.compare(0, 6, "ready ") == 0) ++ready;
    }
  }
  return true;
}

}  // namespace

int run_host(int, char**) {
  std::string text;
  signal(SIGCHLD, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  int report_pipe[2];
  int alive[2];
  if (!read_lines(&text) || pipe2(report_pipe, O_CLOEXEC) != 0 || pipe2(alive, O_CLOEXEC) != 0) return 64;
  // Adopts copies whose first process was ended, so that they never reach a first process that collects
  // nothing.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  long total = 0;
  size_t groups = 0;
  Stage stage;
  stage.report_fd = report_pipe[1];
  for (const std::string& line : split(text, '\n')) {
    size_t tab = line.find('\t');
    long count = number(line.substr(0, tab));
    if (line.empty()) continue;
    size_t second = tab == std::string::npos ? tab : line.find('\t', tab + 1);
    if (count <= 0 || second == std::string::npos) return 64;
    stage.nodes.clear();
    std::string error;
    std::string plan = "0" + line.substr(tab, second - tab) + "\t-" + line.substr(second);
    if (!parse_plan(plan, &stage.nodes, &error)) return 64;
    stage.nodes[0].behaviours = "-,copies=" + std::to_string(count - 1);
    if (fork() == 0) {
      int high = fcntl(alive[1], F_DUPFD, 100);  // stays open over the exec; its end tells that all are gone
      if (high < 0) _exit(70);
      become_node(stage, 0);
    }
    total += count;
    ++groups;
  }
  close(report_pipe[1]);
  close(alive[1]);
  bool ready = wait_for_reports(report_pipe[0], groups);
  std::printf(ready ? "ready %ld\n" : "failed %ld\n", total);
  std::fflush(stdout);
  char unused[256];
  while (ready && read(0, unused, sizeof unused) > 0) {
  }
  close(report_pipe[0]);  // every copy watches this pipe and ends when its reader has gone
  while (read(alive[0], unused, 1) < 0 && errno == EINTR) {
  }
  std::printf("ended\n");
  return ready ? 0 : 1;
}

int run_init(int argc, char** argv) {
  if (argc < 3) return 64;
  pid_t command = fork();
  if (command == 0) {
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  int status = 0;
  for (pid_t pid = 0; pid != command;) {
    pid = wait(&status);
    if (pid < 0 && errno != EINTR) return 70;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace reaper::puppet
