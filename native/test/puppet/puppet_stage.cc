// The stage: builds the tree, relays who is ready, and at the end of its standard input ends exactly what it
// started and what those processes reported later, then waits until all of it is gone.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include "test/puppet/puppet.h"

namespace reaper::puppet {

namespace {

struct Actor {
  size_t index;
  pid_t pid;
  std::string start;  // start time in ticks, as text: with the pid it names this process and no later one
  bool foreign;
  std::string detail;  // the puppet's own words; empty until it has said that it is ready
};

struct Show {
  Stage stage;
  int pipe_in = -1;
  std::string partial;
  std::vector<Actor> actors;
  std::map<pid_t, size_t> pending;  // actors not ready yet
  std::set<pid_t> worth_a_look;     // those of them that may be: foreign, or reported by themselves
  size_t waiting = 0;
  bool failed = false;
};

// A puppet says itself that it is ready; what it cannot say (stopped, leader gone, foreign program) is looked
// up.
bool settled(const Show& show, const Actor& actor) {
  const Node& node = show.stage.nodes[actor.index];
  char state = '?';
  std::string start;
  if (actor.foreign) return runs(actor.pid, node.exe);
  if (actor.detail.empty()) return false;
  if (!read_stat(actor.pid, &state, &start)) return false;
  if (has(node.behaviours, "stop")) return state == 'T';
  if (has(node.behaviours, "zombie-leader")) return state == 'Z';
  return true;
}

void add_actor(Show& show, size_t index, pid_t pid) {
  char state;
  Actor actor{index, pid, "", has(show.stage.nodes[index].behaviours, "foreign"), ""};
  read_stat(pid, &state, &actor.start);
  show.actors.push_back(actor);
}

void take_line(Show& show, const std::string& line) {
  std::vector<std::string> words = split(line, ' ');
  long index = words.size() > 1 ? number(words[1]) : -1;
  long pid = words.size() > 2 ? number(words[2]) : -1;
  if (index < 0 || static_cast<size_t>(index) >= show.stage.nodes.size() || words[0] == "error" || pid <= 0) {
    show.failed = true;
    std::printf("%s\n", line.c_str());
  } else if (words[0] == "exec") {
    add_actor(show, static_cast<size_t>(index), static_cast<pid_t>(pid));
    show.pending[static_cast<pid_t>(pid)] = show.actors.size() - 1;
    if (show.actors.back().foreign) show.worth_a_look.insert(static_cast<pid_t>(pid));
  } else if (words.size() > 3 && words[3] == "fork") {
    add_actor(show, static_cast<size_t>(index), static_cast<pid_t>(pid));
    std::printf("%s\n", line.c_str());
  } else {
    auto found = show.pending.find(static_cast<pid_t>(pid));
    if (found == show.pending.end()) return;
    show.actors[found->second].detail = line;
    show.worth_a_look.insert(found->first);
  }
}

// False at the end of the pipe: no process is left that could write to it.
bool drain(Show& show) {
  char block[65536];
  while (true) {
    ssize_t n = read(show.pipe_in, block, sizeof block);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    show.partial.append(block, static_cast<size_t>(n));
    std::vector<std::string> lines = split(show.partial, '\n');
    show.partial = lines.back();
    lines.pop_back();
    for (const std::string& line : lines) take_line(show, line);
  }
}

void settle(Show& show) {
  for (auto at = show.worth_a_look.begin(); at != show.worth_a_look.end();) {
    Actor& actor = show.actors[show.pending[*at]];
    if (!settled(show, actor)) {
      ++at;
      continue;
    }
    show.pending.erase(*at);
    at = show.worth_a_look.erase(at);
    --show.waiting;
    if (actor.detail.empty())
      actor.detail = "ready " + std::to_string(actor.index) + " " + std::to_string(actor.pid);
    std::printf("%s\n", actor.detail.c_str());
  }
}

void collect_children() {
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

int end_all(Show& show) {
  int mark = open((show.stage.run + "/stop").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (mark >= 0) close(mark);
  bool writers = true;
  for (int waited = 0; waited < kPatienceMs; waited += 2) {
    writers = drain(show);
    bool gone = true;
    for (const Actor& actor : show.actors) gone = end_process(actor.pid, actor.start) && gone;
    collect_children();
    if (gone && !writers) break;
    pause_ms(2);
    if (waited + 2 >= kPatienceMs) show.failed = true;
  }
  std::printf("ended\n");
  return show.failed ? 1 : 0;
}

bool read_plan(std::string* plan) {
  char c;
  while (read(0, &c, 1) == 1) {
    *plan += c;
    if (plan->size() >= 3 && plan->compare(plan->size() - 3, 3, "\n.\n") == 0) {
      plan->resize(plan->size() - 2);
      return true;
    }
  }
  return false;
}

bool prepare(Show& show, const std::string& plan) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  int ends[2];
  std::string stdin_path = show.stage.run + "/stdin";
  int copy = open((show.stage.run + "/plan").c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  if (copy < 0 || write(copy, plan.data(), plan.size()) != static_cast<ssize_t>(plan.size()) ||
      fchmod(copy, 0644) != 0 || mkfifo(stdin_path.c_str(), 0644) != 0 ||
      chmod(stdin_path.c_str(), 0644) != 0 || open(stdin_path.c_str(), O_RDWR | O_CLOEXEC) < 0 ||
      pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
    return false;
  }
  close(copy);
  show.pipe_in = ends[0];
  show.stage.report_fd = ends[1];
  return true;
}

// Serves until standard input ends; the back-off applies only while something must be looked up.
int serve(Show& show) {
  timespec begin{};
  clock_gettime(CLOCK_MONOTONIC, &begin);
  bool staged = false;
  int backoff = 1;
  while (true) {
    drain(show);
    settle(show);
    if (!staged && (show.waiting == 0 || show.failed)) {
      staged = true;
      std::printf(show.failed ? "failed\n" : "staged\n");
    }
    collect_children();
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!staged && (now.tv_sec - begin.tv_sec) * 1000L > 4 * kPatienceMs) {
      for (const auto& [pid, at] : show.pending) {
        std::printf("error %zu pid %d is not ready\n", show.actors[at].index, pid);
      }
      show.failed = true;
    }
    std::fflush(stdout);
    pollfd watched[2] = {{0, POLLIN, 0}, {show.pipe_in, POLLIN, 0}};
    int n = poll(watched, 2, staged ? 50 : backoff);
    backoff = n > 0 ? 1 : backoff < 50 ? backoff * 2 : 50;
    if ((watched[0].revents & (POLLIN | POLLHUP)) != 0) {
      char unused[256];
      if (read(0, unused, sizeof unused) <= 0) return end_all(show);
    }
  }
}

}  // namespace

int run_stage(int argc, char** argv) {
  Show show;
  std::string plan, error;
  umask(022);
  // A signal to the whole process group must not end the stage before its processes: it goes when its input
  // ends.
  for (int signo : {SIGPIPE, SIGHUP, SIGTERM, SIGINT}) signal(signo, SIG_IGN);
  if (argc < 3 || !read_plan(&plan) || !parse_plan(plan, &show.stage.nodes, &error)) {
    std::printf("error 0 plan: %s\nfailed\n", error.c_str());
    return 64;
  }
  show.stage.run = argv[argc - 1];
  if (!prepare(show, plan)) {
    std::printf("error 0 %s: %s\nfailed\n", argv[argc - 1], strerror(errno));
    return 70;
  }
  show.waiting = show.stage.nodes.size();
  for (size_t i = 0; i < show.stage.nodes.size(); ++i) {
    if (show.stage.nodes[i].parent < 0 && start_node(show.stage, i) < 0) {
      report(show.stage.report_fd, "error %zu fork: %s", i, strerror(errno));
    }
  }
  close(show.stage.report_fd);
  show.stage.report_fd = -1;
  return serve(show);
}

}  // namespace reaper::puppet
