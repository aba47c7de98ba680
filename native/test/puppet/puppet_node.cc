// From a line of the plan to a process: fork in the right parent, take on the identity, exec.
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "test/puppet/puppet.h"

namespace reaper::puppet {

namespace {

[[noreturn]] void fail(const Stage& stage, size_t index, const char* what) {
  report(stage.report_fd, "error %zu %s: %s", index, what, strerror(errno));
  _exit(70);
}

bool write_number(const std::string& path, long value) {
  int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  std::string text = std::to_string(value);
  bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return written;
}

// What children inherit must be in place before they are forked.
void apply_inherited(const Stage& stage, size_t index) {
  const Node& node = stage.nodes[index];
  std::string value;
  if (has(node.behaviours, "setsid") && setsid() < 0) fail(stage, index, "setsid");
  if (has(node.behaviours, "subreaper") && prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
    fail(stage, index, "subreaper");
  if (has(node.behaviours, "loginuid", &value) && !write_number("/proc/self/loginuid", number(value))) {
    fail(stage, index, "loginuid");
  }
  if (has(node.behaviours, "cgroup", &value) && !write_number(value + "/cgroup.procs", getpid())) {
    fail(stage, index, "cgroup");
  }
}

// In a user namespace of the user's own whose root is the user, as this user's subordinate id; 0: as that
// root.
void enter_user_namespace(const Stage& stage, size_t index, uid_t uid, long subordinate) {
  const pid_t self = getpid();
  int gate[2];
  if (pipe2(gate, O_CLOEXEC) != 0) fail(stage, index, "pipe2");
  std::string map = "0 " + std::to_string(uid) + " 1\n";
  if (subordinate > 0) map += "1 " + std::to_string(subordinate) + " 1\n";
  const pid_t helper = fork();  // a map of two ranges takes privilege outside of the namespace
  if (helper == 0) {
    char go;
    close(gate[1]);
    bool good = read(gate[0], &go, 1) == 1;
    for (const char* name : {"gid_map", "uid_map"}) {
      const int fd = open(("/proc/" + std::to_string(self) + "/" + name).c_str(), O_WRONLY | O_CLOEXEC);
      good = good && fd >= 0 && write(fd, map.data(), map.size()) == static_cast<ssize_t>(map.size());
    }
    _exit(good ? 0 : 1);
  }
  int status = -1;
  if (setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0) fail(stage, index, "setresuid");
  if (unshare(CLONE_NEWUSER) != 0 || write(gate[1], "g", 1) != 1) fail(stage, index, "unshare");
  if (waitpid(helper, &status, 0) != helper || status != 0) fail(stage, index, "uid_map");
  const uid_t inside = subordinate > 0 ? 1 : 0;
  if (setresgid(inside, inside, inside) != 0 || setresuid(inside, inside, inside) != 0) {
    fail(stage, index, "setresuid in the namespace");
  }
}

void drop_to_uid(const Stage& stage, size_t index) {
  long uid = stage.nodes[index].uid;
  if (uid < 0 || static_cast<uid_t>(uid) == geteuid()) return;
  auto id = static_cast<uid_t>(uid);
  if (setgroups(0, nullptr) != 0) fail(stage, index, "setgroups");
  std::string subordinate;
  if (has(stage.nodes[index].behaviours, "subuid", &subordinate)) {
    return enter_user_namespace(stage, index, id, number(subordinate));
  }
  if (setresgid(id, id, id) != 0) fail(stage, index, "setresgid");
  if (setresuid(id, id, id) != 0) fail(stage, index, "setresuid");
}

void set_signals(const std::string& behaviours) {
  for (int signo : {SIGTERM, SIGHUP, SIGCHLD, SIGPIPE, SIGINT}) signal(signo, SIG_DFL);
  if (has(behaviours, "ignore-term")) signal(SIGTERM, SIG_IGN);
  if (has(behaviours, "ignore-hup")) signal(SIGHUP, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void set_standard_streams(const Stage& stage, size_t index) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) fail(stage, index, "/dev/null");
  int in = null;
  if (has(stage.nodes[index].behaviours, "hold-stdin")) {
    in = open((stage.run + "/stdin").c_str(), O_RDONLY | O_CLOEXEC);
    if (in < 0) fail(stage, index, "stdin");
  }
  if (dup2(in, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0) fail(stage, index, "dup2");
}

std::vector<std::string> final_argv(const Node& node, pid_t parent) {
  constexpr size_t kElement = 100000;  // execve(2): one element is at most 128 KiB
  std::vector<std::string> argv;
  for (const std::string& element : node.argv) argv.push_back(unescape(element, parent));
  std::string value;
  if (has(node.behaviours, "big-argv", &value)) {
    for (auto left = static_cast<size_t>(number(value)); left > 0;) {
      size_t size = left < kElement ? left : kElement;
      argv.emplace_back(size, 'x');
      left -= size;
    }
  }
  return argv;
}

int launched_child(const Stage& stage, size_t index) {
  if (!has(stage.nodes[index].behaviours, "launch")) return -1;
  for (size_t i = index + 1; i < stage.nodes.size(); ++i) {
    if (stage.nodes[i].parent == static_cast<int>(index)) return static_cast<int>(i);
  }
  return -1;
}

// Foreign programs get neither the report pipe nor PUPPET_ variables, except a launcher, which hands them on.
std::vector<std::string> final_environment(const Stage& stage, size_t index) {
  const Node& node = stage.nodes[index];
  std::vector<std::string> env{"PATH=/usr/local/bin:/usr/bin:/bin"};
  int launched = launched_child(stage, index);
  bool foreign = has(node.behaviours, "foreign");
  std::string variable;
  if (has(node.behaviours, "env", &variable)) env.push_back(variable);
  if (foreign && launched < 0) return env;
  if (launched >= 0) env.push_back("PUPPET_LAUNCH=" + std::to_string(launched));
  if (!foreign) env.push_back("PUPPET_BEHAVIOUR=" + node.behaviours);
  env.push_back("PUPPET_NODE=" + std::to_string(index));
  env.push_back("PUPPET_RUN=" + stage.run);
  if (dup2(stage.report_fd, kReportFd) < 0) fail(stage, index, "dup2");
  if (fcntl(kReportFd, F_SETFD, 0) != 0) fail(stage, index, "fcntl");
  return env;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

// A second fork whose middle process is waited for before the node goes on: then the node's parent is already
// pid 1 or the nearest subreaper (exit re-parents children before the exiting process can be waited for).
pid_t start_daemon(const Stage& stage, size_t index) {
  int gate[2];
  if (pipe2(gate, O_CLOEXEC) != 0) return -1;
  pid_t middle = fork();
  if (middle == 0) {
    if (fork() != 0) _exit(0);
    close(gate[1]);
    char unused;
    while (read(gate[0], &unused, 1) < 0 && errno == EINTR) {
    }
    close(gate[0]);
    become_node(stage, index);
  }
  close(gate[0]);
  if (middle > 0) waitpid(middle, nullptr, 0);
  close(gate[1]);
  return middle;
}

}  // namespace

pid_t start_node(const Stage& stage, size_t index) {
  if (has(stage.nodes[index].behaviours, "daemon")) return start_daemon(stage, index);
  pid_t pid = fork();
  if (pid == 0) become_node(stage, index);
  return pid;
}

void become_node(const Stage& stage, size_t index) {
  const Node& node = stage.nodes[index];
  apply_inherited(stage, index);
  int launched = launched_child(stage, index);
  for (size_t i = index + 1; i < stage.nodes.size() && stage.nodes[i].depth > node.depth; ++i) {
    if (stage.nodes[i].parent != static_cast<int>(index) || static_cast<int>(i) == launched) continue;
    if (start_node(stage, i) < 0) fail(stage, i, "fork");
  }
  report(stage.report_fd, "exec %zu %d", index, getpid());
  std::vector<std::string> argv = final_argv(node, getppid());
  drop_to_uid(stage, index);
  set_signals(node.behaviours);
  set_standard_streams(stage, index);
  std::vector<std::string> env = final_environment(stage, index);
  // ETXTBSY: another process forked while a copy of the executable was still open for writing there.
  for (int tries = 0; tries < 200; ++tries) {
    execve(node.exe.c_str(), pointers(argv).data(), pointers(env).data());
    if (errno != ETXTBSY) break;
    pause_ms(5);
  }
  fail(stage, index, node.exe.c_str());
}

int run_launched(int argc, char** argv) {
  Stage stage;
  std::string error;
  const char* run = getenv("PUPPET_RUN");
  long index = number(getenv("PUPPET_LAUNCH"));
  stage.run = run == nullptr ? "" : run;
  stage.report_fd = kReportFd;
  fcntl(kReportFd, F_SETFD, FD_CLOEXEC);
  if (!parse_plan(read_text(stage.run + "/plan"), &stage.nodes, &error) || index < 0 ||
      static_cast<size_t>(index) >= stage.nodes.size()) {
    report(kReportFd, "error %ld launched without a plan: %s", index, error.c_str());
    return 70;
  }
  // The script decides what it starts; a plan that says otherwise would describe a tree that is not there.
  const Node& node = stage.nodes[static_cast<size_t>(index)];
  struct stat here{}, planned{};
  bool same = stat("/proc/self/exe", &here) == 0 && stat(node.exe.c_str(), &planned) == 0 &&
              here.st_dev == planned.st_dev && here.st_ino == planned.st_ino &&
              final_argv(node, getppid()) == std::vector<std::string>(argv, argv + argc);
  if (!same) {
    report(kReportFd, "error %ld the launcher script started something else than the plan says", index);
    return 70;
  }
  become_node(stage, static_cast<size_t>(index));
}

}  // namespace reaper::puppet
