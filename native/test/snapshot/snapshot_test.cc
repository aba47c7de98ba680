#include "core/snapshot/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "test/check.h"
#include "test/proc_fixture.h"

using namespace reaper;

namespace {

SnapshotOptions options_for(const std::string& root) {
  SnapshotOptions options;
  options.proc_root = root;
  options.exe_markers = {"/.vscode-server/"};
  options.interpreters = {"node", "python", "sh"};
  options.argv_markers = {"/.vscode-server/"};
  options.wide_interpreters = {"node", "python", "sh", "bash", "ld-*"};
  options.wide_markers = {"/.vscode-server/", "-server"};
  options.sshd_names = {"sshd", "sshd-session"};
  options.argv_timeout_ms = 500;
  return options;
}

const Process* find(const Snapshot& snapshot, pid_t pid) {
  for (const Process& process : snapshot.processes)
    if (process.pid == pid) return &process;
  return nullptr;
}

bool has_fault(const Snapshot& snapshot, pid_t pid) {
  return std::any_of(snapshot.faults.begin(), snapshot.faults.end(),
                     [pid](const Fault& fault) { return fault.pid == pid; });
}

FakeProcess fake(pid_t pid, pid_t ppid, const std::string& exe, std::vector<std::string> argv = {"x"}) {
  FakeProcess made;
  made.pid = pid;
  made.ppid = ppid;
  made.exe = exe;
  made.argv = std::move(argv);
  return made;
}

const char kServer[] = "/home/u/.vscode-server/cli/servers/Stable-1/server/node";

// Takes the fixture's snapshot; its failure is a failed check and an empty answer.
Snapshot snapshot_of(const SnapshotOptions& options) {
  auto result = take_snapshot(options);
  CHECK(result.ok());
  return result ? result.take() : Snapshot();
}

void init(const ProcFixture& fixture) {
  FakeProcess one = fake(1, 0, "/usr/lib/systemd/systemd");
  one.comm = "systemd";
  if (geteuid() == 0) one.uid = 0;
  fixture.add(one);
}

void reads_a_suspects_processes_in_full() {
  const ProcFixture fixture;
  init(fixture);
  FakeProcess server = fake(100, 50, kServer, {kServer, "out/server-main.js", "--port=0"});
  server.comm = ") R 1 1 \n";
  server.threads = 11;
  server.start_time = 777;
  fixture.add(server);
  FakeProcess shell = fake(101, 100, "/usr/bin/bash", {"bash"});
  shell.session_id = shell.login_uid = "4294967295";
  fixture.add(shell);
  const Snapshot snapshot = snapshot_of(options_for(fixture.root()));
  CHECK(snapshot.boot_id == "3f0c4f3e-1111-2222-3333-444455556666");
  CHECK(snapshot.uptime_ms > 0 && snapshot.ticks_per_second > 0 && snapshot.taken_at_ms > 1600000000000);
  const Process* process = find(snapshot, 100);
  CHECK(process != nullptr);
  if (process == nullptr) return;
  CHECK(process->start_time == 777 && process->ppid == 50 && process->threads == 11);
  CHECK(process->comm == ") R 1 1 \n" && process->exe == kServer && process->argv.size() == 3);
  CHECK(process->argv_status == ArgvStatus::kRead && process->uid == fixture_uid());
  CHECK(process->uids && (*process->uids)[2] == fixture_uid() && process->rss_kib >= 1024);
  CHECK(process->cgroups == std::vector<std::string>({"/user.slice/user-1001.slice/session-c1.scope"}));
  CHECK(process->audit_session == 7U && process->login_uid == 1001U);
  CHECK(process->foreign_user_ns == false && process->foreign_pid_ns == false);
  process = find(snapshot, 101);
  CHECK(process != nullptr && !process->audit_session && !process->login_uid);
  CHECK(snapshot.counts.listed == 3 && snapshot.counts.denied == 0 && snapshot.faults.empty());
}

void finds_suspects_by_command_line() {
  for (const bool marked : {true, false}) {
    const ProcFixture fixture;
    init(fixture);
    fixture.add(fake(100, 1, "/usr/bin/python3.11",
                     {"python", marked ? "/home/u/.vscode-server/x.py" : "/home/u/work.py"}));
    fixture.add(fake(101, 1, "/usr/bin/vim", {"vim", "/home/u/.vscode-server/x.py"}));
    const Snapshot snapshot = snapshot_of(options_for(fixture.root()));
    CHECK((find(snapshot, 100) != nullptr) == marked);
    // An editor is what its executable says, whatever it edits and whose it is.
    CHECK(find(snapshot, 101) == nullptr);
    CHECK(snapshot.counts.listed == 3 && snapshot.faults.empty());
  }
}

// Of a user who has a suspect nothing is returned but what may be a server's, or is above or below one.
void leaves_out_what_belongs_to_no_tree() {
  const ProcFixture fixture;
  init(fixture);
  fixture.add(fake(90, 1, "/usr/bin/bash", {"-bash"}));
  fixture.add(fake(91, 90, "/usr/bin/vim", {"vim"}));
  fixture.add(fake(100, 90, kServer));
  fixture.add(fake(95, 101, "/usr/bin/make", {"make"}));  // a lower pid than its parent's
  fixture.add(fake(101, 100, "/usr/bin/bash", {"bash"}));
  FakeProcess zombie = fake(102, 101, "", {});
  zombie.state = 'Z';
  fixture.add(zombie);
  fixture.add(fake(110, 1, "/usr/bin/bash", {"sh", "/opt/x/bin/code-server"}));
  fixture.add(fake(111, 110, "/usr/bin/sleep", {"sleep"}));
  fixture.add(fake(112, 1, "/usr/bin/bash", {}));                         // hides its command line
  fixture.add(fake(113, 1, "/usr/bin/bash", {std::string(50000, 'x')}));  // too long to be known
  fixture.add(fake(114, 1, "/lib/ld-musl-aarch64.so.1", {"x", "/home/u/.new-server/node"}));
  fixture.add(fake(115, 1, "/usr/bin/gcc", {}));
  fixture.add(fake(116, 1, "/usr/bin/ldd", {"ldd", "/home/u/.new-server/node"}));
  fixture.add(fake(120, 1, "/usr/bin/python3", {"python3", "work.py"}));
  fixture.add(fake(121, 120, "/usr/bin/vim", {"vim"}));
  SnapshotOptions options = options_for(fixture.root());
  Snapshot snapshot = snapshot_of(options);
  for (const pid_t pid : {1, 90, 95, 100, 101, 102, 110, 111, 112, 113, 114})
    CHECK(find(snapshot, pid) != nullptr);
  CHECK(snapshot.processes.size() == 11 && snapshot.counts.read == 11 && snapshot.faults.empty());
  const Process* above = find(snapshot, 90);
  CHECK(above != nullptr && above->argv.size() == 1);  // a launcher is a shell above its server
  options.full = true;
  CHECK(snapshot_of(options).processes.size() == 16);
}

// What cannot be known of an interpreter makes its user a suspect: unknown is not "no".
void unknown_command_lines_are_suspect() {
  for (int kind = 0; kind < 3; ++kind) {
    const ProcFixture fixture;
    init(fixture);
    FakeProcess node = fake(100, 1, "/usr/bin/node", {});
    if (kind == 1) node.argv = {std::string(50000, 'x')};
    node.cmdline_blocks = kind == 2;
    fixture.add(node);
    const Snapshot snapshot = snapshot_of(options_for(fixture.root()));
    const Process* process = find(snapshot, 100);
    CHECK(process != nullptr);
    if (process == nullptr) continue;
    if (kind == 0) CHECK(process->argv_status == ArgvStatus::kEmpty);
    if (kind == 1) CHECK(process->argv_truncated && process->argv.empty());
    if (kind == 2) {
      CHECK(process->argv_status == ArgvStatus::kTimeout && process->argv.empty());
      CHECK(snapshot.counts.timed_out == 1 && snapshot.faults.size() == 1 && has_fault(snapshot, 100));
    }
  }
}

void returns_sshd_and_ancestors() {
  const ProcFixture fixture;
  init(fixture);
  FakeProcess sshd = fake(40, 1, "/usr/sbin/sshd (deleted)", {"sshd: u [priv]"});
  if (geteuid() == 0) sshd.uid = 0;
  fixture.add(sshd);
  fixture.add(fake(41, 40, "/usr/lib/openssh/sshd-session", {"sshd: u"}));
  fixture.add(fake(60, 1, "/usr/bin/sshd-fake"));
  Snapshot snapshot = snapshot_of(options_for(fixture.root()));
  CHECK(snapshot.processes.size() == 3);  // both, and init above them
  CHECK(find(snapshot, 1) != nullptr && find(snapshot, 60) == nullptr);
  const Process* process = find(snapshot, 40);
  CHECK(process != nullptr && process->argv_status == ArgvStatus::kSkipped && process->argv.empty());
  CHECK(find(snapshot, 1)->argv_status == ArgvStatus::kSkipped);

  SnapshotOptions others = options_for(fixture.root());
  others.uids = std::unordered_set<uid_t>{fixture_uid() + 1};
  fixture.add(fake(100, 60, kServer));
  snapshot = snapshot_of(others);
  CHECK(snapshot.processes.size() == 3 && find(snapshot, 100) == nullptr);
  others.full = true;
  CHECK(snapshot_of(others).processes.size() == 3);
  others.uids = std::unordered_set<uid_t>{fixture_uid()};
  snapshot = snapshot_of(others);
  CHECK(snapshot.processes.size() == 5 && find(snapshot, 60) != nullptr);
}

void a_cycle_of_parents_ends() {
  const ProcFixture fixture;
  fixture.add(fake(100, 101, kServer));
  fixture.add(fake(101, 100, "/usr/bin/sh"));
  fixture.add(fake(102, 102, "/usr/bin/sh"));
  fixture.add(fake(103, 9999, "/usr/bin/sh"));
  CHECK(snapshot_of(options_for(fixture.root())).processes.size() == 2);
  SnapshotOptions full = options_for(fixture.root());
  full.full = true;
  CHECK(snapshot_of(full).processes.size() == 4);
}

void finds_other_users_processes_inside_a_tree() {
  if (geteuid() != 0) {
    std::printf("skipped: only root can build processes of two users\n");
    return;
  }
  const ProcFixture fixture;
  init(fixture);
  fixture.add(fake(100, 1, kServer));
  // Children with lower pids than their parents, so that one pass over the list does not do.
  const auto as_root = [&fixture](pid_t pid, pid_t ppid, const char* exe) {
    FakeProcess made = fake(pid, ppid, exe, {"as", "root"});
    made.uid = 0;
    fixture.add(made);
  };
  as_root(90, 101, "/usr/bin/bash");
  as_root(80, 90, "/usr/bin/make");
  as_root(101, 100, "/usr/bin/sudo");
  as_root(200, 1, "/usr/sbin/cron");
  FakeProcess other = fake(70, 90, "/usr/bin/psql");
  other.uid = 2002;
  fixture.add(other);
  SnapshotOptions options = options_for(fixture.root());
  const Snapshot snapshot = snapshot_of(options);
  for (const pid_t pid : {101, 90, 80}) {
    const Process* process = find(snapshot, pid);
    CHECK(process != nullptr && process->uid == 0 && process->argv.size() == 2);
  }
  CHECK(find(snapshot, 200) == nullptr && find(snapshot, 70) == nullptr);
  options.other_users = true;
  const Snapshot wider = snapshot_of(options);
  CHECK(find(wider, 70) != nullptr && find(wider, 200) == nullptr);
}

void keeps_a_zombie_leader_with_threads() {
  const ProcFixture fixture;
  fixture.add(fake(100, 1, kServer));
  FakeProcess leader = fake(101, 100, "", {});
  leader.state = 'Z';
  leader.threads = 2;
  fixture.add(leader);
  const Snapshot snapshot = snapshot_of(options_for(fixture.root()));
  const Process* process = find(snapshot, 101);
  CHECK(process != nullptr && process->state == 'Z' && process->threads == 2 && !process->exe);
  CHECK(process != nullptr && process->argv_status == ArgvStatus::kEmpty);
}

void counts_what_it_could_not_read() {
  const ProcFixture fixture;
  init(fixture);
  fixture.add(fake(100, 1, kServer));
  for (const pid_t pid : {101, 102, 103, 104, 105}) fixture.add(fake(pid, 100, "/usr/bin/bash", {"bash"}));
  std::filesystem::remove(fixture.path(101, "stat"));           // ended while it was looked at
  write_file(fixture.path(102, "stat"), "102 (bash) S 100 1");  // torn
  write_file(fixture.path(103, "status"), "Name:\tbash\nUid:\t1\n");
  write_file(fixture.path(104, "cgroup"), "garbage");
  std::filesystem::remove(fixture.path(105, "loginuid"));  // a kernel without audit
  std::filesystem::remove(fixture.path(105, "sessionid"));
  std::filesystem::remove(fixture.path(105, "ns/pid"));
  std::filesystem::remove(fixture.path(105, "cgroup"));  // and without cgroups
  const Snapshot snapshot = snapshot_of(options_for(fixture.root()));
  CHECK(find(snapshot, 101) == nullptr && find(snapshot, 102) == nullptr);
  CHECK(snapshot.counts.gone == 1 && snapshot.counts.malformed == 3);
  CHECK(!has_fault(snapshot, 101) && has_fault(snapshot, 102) && has_fault(snapshot, 103));
  CHECK(has_fault(snapshot, 104) && !has_fault(snapshot, 105));
  const Process* process = find(snapshot, 103);
  CHECK(process != nullptr && !process->uids && process->uid == fixture_uid());
  process = find(snapshot, 104);
  CHECK(process != nullptr && !process->cgroups.has_value());
  process = find(snapshot, 105);
  CHECK(process != nullptr && !process->login_uid && !process->audit_session && !process->foreign_pid_ns);
  CHECK(process != nullptr && process->cgroups && process->cgroups->empty());
  CHECK(snapshot.counts.read == snapshot.processes.size());
}

// Runs checks as an ordinary user: modes and hidden executables do not bind root.
void as_ordinary_user(void (*checks)()) {
  const pid_t child = fork();
  if (child == 0) {
    g_failures = 0;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(2);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 1);
    checks();
    _exit(g_failures == 0 ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

void hidden_processes_are_denied() {
  const ProcFixture fixture;
  fixture.add(fake(100, 1, kServer));
  fixture.add(fake(101, 1, "/usr/bin/bash"));
  const std::string hidden = fixture.root() + "/101";
  chmod(hidden.c_str(), 0);
  const Snapshot snapshot = snapshot_of(options_for(fixture.root()));
  chmod(hidden.c_str(), 0700);
  CHECK(find(snapshot, 100) != nullptr && find(snapshot, 101) == nullptr);
  CHECK(snapshot.counts.denied == 1 && has_fault(snapshot, 101));
}

// A process that hides from its own user is counted and returned without its executable, and is not a fault:
// the user could not change it.
void hiding_from_its_own_user_is_not_a_fault() {
  const pid_t agent = fork();
  if (agent == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 0);
    for (;;) pause();
  }
  const std::string exe = "/proc/" + std::to_string(agent) + "/exe";
  char target[8];
  while (readlink(exe.c_str(), target, sizeof target) >= 0) usleep(1000);
  SnapshotOptions options = options_for("/proc");
  options.uids = {{geteuid()}};
  const Snapshot snapshot = snapshot_of(options);
  const Process* process = find(snapshot, agent);
  CHECK(process != nullptr && !process->exe && process->exe_unreadable == ExeUnreadable::kDenied);
  CHECK(snapshot.counts.denied >= 1 && !has_fault(snapshot, agent));
  kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
}

// Whether a snapshot by an account that is not root returns this process of root's, whose executable is
// hidden.
bool returns_hidden_process(pid_t pid, bool acts_for_root) {
  const pid_t account = fork();
  if (account == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(2);
    SnapshotOptions options = options_for("/proc");
    options.observer = acts_for_root ? 0 : geteuid();
    options.interpreters.clear();
    const auto snapshot = take_snapshot(options);
    _exit(snapshot && find(snapshot.value(), pid) != nullptr ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(account, &status, 0) == account && WIFEXITED(status) && WEXITSTATUS(status) != 2);
  return WEXITSTATUS(status) == 0;
}

// Guard: a user may run a program whose path exceeds PATH_MAX. It hides the program, and it proves that root
// did not install it.
void a_too_long_path_is_distinguished() {
  char base[] = "/tmp/reaper-long-XXXXXX";
  CHECK(mkdtemp(base) != nullptr);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chdir(base) != 0) _exit(1);
    const std::string name(250, 'd');
    for (int i = 0; i < 20; ++i)
      if (mkdir(name.c_str(), 0700) != 0 || chdir(name.c_str()) != 0) _exit(1);
    std::filesystem::copy_file("/bin/sleep", "sleep");
    execl("sleep", "sleep", "1000", nullptr);
    _exit(1);
  }
  const std::string comm = "/proc/" + std::to_string(child) + "/comm";
  for (std::string name; name != "sleep"; std::getline(std::ifstream(comm), name)) usleep(1000);
  SnapshotOptions options = options_for("/proc");
  options.full = true;
  options.uids = {{geteuid()}};
  const Snapshot snapshot = snapshot_of(options);
  const Process* process = find(snapshot, child);
  CHECK(process != nullptr && !process->exe && process->exe_unreadable == ExeUnreadable::kTooLong);
  const Process* self = find(snapshot, getpid());
  CHECK(self != nullptr && self->exe && !self->exe_unreadable);
  // The service's account is not root, and acts for it: it must not take what it cannot read for absent.
  if (geteuid() == 0)
    for (const bool acts : {true, false}) CHECK(returns_hidden_process(child, acts) == acts);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(std::system(("rm -rf " + std::string(base)).c_str()) == 0);
}

// Guard: a user with more processes than the budget is named, and the other user's are read all the same.
void the_budget_of_processes_is_per_user() {
  if (geteuid() != 0) return void(std::printf("skipped: only root can build processes of two users\n"));
  const ProcFixture fixture;
  init(fixture);
  for (pid_t pid = 100; pid < 120; ++pid) {
    FakeProcess greedy = fake(pid, pid == 100 ? 1 : pid - 1, pid == 100 ? kServer : "/usr/bin/bash");
    greedy.uid = pid % 2 == 0 ? 3000 : 200001;  // half of them under a subordinate uid of the same user
    fixture.add(greedy);
  }
  for (pid_t pid = 200; pid < 210; ++pid) fixture.add(fake(pid, pid == 200 ? 1 : pid - 1, kServer));
  SnapshotOptions options = options_for(fixture.root());
  options.full = true;
  options.user_processes = 10;
  options.owners = Owners{{{200000, 65536, 3000}}};
  const Snapshot snapshot = snapshot_of(options);
  const auto of = [&](pid_t from, pid_t to) {
    return std::count_if(snapshot.processes.begin(), snapshot.processes.end(),
                         [&](const Process& process) { return process.pid >= from && process.pid < to; });
  };
  CHECK(of(100, 120) == 10 && of(200, 210) == 10);
  CHECK((snapshot.over_budget == std::vector<uid_t>{3000, 200001}));
  CHECK(snapshot.faults.size() == 1 && snapshot.faults[0].uid == 3000U && snapshot.faults[0].pid == 0);
}

// Guard: 1,500 processes with long command lines took the sweep's memory. A user has a budget of 8 MiB.
void the_budget_of_command_lines_is_per_user() {
  if (geteuid() != 0) return void(std::printf("skipped: only root can build processes of two users\n"));
  const ProcFixture fixture;
  init(fixture);
  for (pid_t pid = 100; pid < 450; ++pid) {
    FakeProcess greedy = fake(pid, 1, kServer, {std::string(30000, 'x')});
    greedy.uid = 3000;
    fixture.add(greedy);
  }
  fixture.add(fake(500, 1, kServer, {"modest"}));
  const Snapshot snapshot = snapshot_of(options_for(fixture.root()));
  std::size_t bytes = 0;
  for (const Process& process : snapshot.processes)
    if (process.uid == 3000 && !process.argv.empty()) bytes += process.argv[0].size();
  CHECK(snapshot.processes.size() == 352 && bytes > (7u << 20) && bytes <= (8u << 20) + 30000);
  CHECK(find(snapshot, 500)->argv_status == ArgvStatus::kRead);
  CHECK(snapshot.over_budget == std::vector<uid_t>{3000});
  CHECK(snapshot.faults.size() == 1 && snapshot.faults[0].uid == 3000U);
}

// The pid changes hands just before its command line is read: that line is not the first owner's.
void drops_a_process_whose_pid_was_recycled() {
  const ProcFixture fixture;
  FakeProcess server = fake(100, 1, kServer);
  server.cmdline_blocks = true;
  fixture.add(server);
  fixture.add(fake(101, 100, "/usr/bin/bash"));
  const pid_t writer = fork();
  if (writer == 0) {
    const int fifo =
        open(fixture.path(100, "cmdline").c_str(), O_WRONLY | O_CLOEXEC);  // waits for the reader
    server.start_time += 1;
    write_file(fixture.path(100, "stat"), stat_line(server));
    _exit(write(fifo, "other", 6) == 6 ? 0 : 1);
  }
  SnapshotOptions options = options_for(fixture.root());
  options.argv_timeout_ms = 5000;
  const Snapshot snapshot = snapshot_of(options);
  waitpid(writer, nullptr, 0);
  CHECK(find(snapshot, 100) == nullptr && find(snapshot, 101) != nullptr);
  CHECK(snapshot.counts.gone == 1 && snapshot.counts.read == 1);
}

void fails_when_nothing_can_be_known() {
  CHECK(!take_snapshot(options_for("/nonexistent")).ok());
  const ProcFixture fixture;
  std::filesystem::remove(fixture.root() + "/sys/kernel/random/boot_id");
  const auto result = take_snapshot(options_for(fixture.root()));
  CHECK(!result.ok() && result.failure().code == ENOENT);
  CHECK(result.failure().what.find("boot_id") != std::string::npos);
}

void faults_are_bounded() {
  const ProcFixture fixture;
  fixture.add(fake(100, 1, kServer));
  for (pid_t pid = 200; pid < 400; ++pid) {
    fixture.add(fake(pid, 100, "/usr/bin/bash"));
    write_file(fixture.path(pid, "stat"), "torn");
  }
  const Snapshot snapshot = snapshot_of(options_for(fixture.root()));
  CHECK(snapshot.counts.malformed == 200 && snapshot.faults.size() == 50);
}

int open_fds() {
  int count = 0;
  DIR* folder = opendir("/proc/self/fd");
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

void sees_the_live_host() {
  SnapshotOptions options = options_for("/proc");
  options.full = true;
  options.uids = std::unordered_set<uid_t>{geteuid()};
  const Snapshot snapshot = snapshot_of(options);
  const Process* self = find(snapshot, getpid());
  CHECK(self != nullptr && self->ppid == getppid() && self->uid == geteuid() && self->start_time > 0);
  CHECK(self != nullptr && self->argv_status == ArgvStatus::kRead && self->comm == "snapshot_test");
  CHECK(self != nullptr && self->foreign_pid_ns == false && self->foreign_user_ns == false);
  CHECK(snapshot.uptime_ms > 0 && snapshot.boot_id.size() == 36);
  const int before = open_fds();
  for (int i = 0; i < 100; ++i) CHECK(take_snapshot(options).ok());
  CHECK(open_fds() == before);
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD);
}

// A first stage has the ssh servers, and of suspects only what shows where they belong; a second one all but
// the settled users' trees.
void goes_on_without_settled_users() {
  if (geteuid() != 0) return void(std::printf("skipped: only root can build processes of two users\n"));
  const ProcFixture fixture;
  init(fixture);
  const auto add = [&](pid_t pid, pid_t ppid, uid_t uid, const std::string& exe,
                       std::vector<std::string> argv = {"x"}) {
    FakeProcess one = fake(pid, ppid, exe, std::move(argv));
    one.uid = uid;
    one.start_time = static_cast<std::uint64_t>(pid);
    fixture.add(one);
  };
  add(50, 1, 0, "/usr/sbin/sshd");
  add(51, 50, 3000, "/usr/sbin/sshd");
  add(60, 51, 3000, "/usr/bin/bash", {"bash"});
  add(100, 60, 3000, kServer);
  add(101, 100, 3000, "/usr/bin/vim");
  add(102, 1, 3000, "/usr/bin/bash", {"bash", "/home/u/.vscode-server/x.sh"});
  add(200, 1, 3001, kServer);
  add(201, 200, 3001, "/usr/bin/vim");
  add(202, 1, 3001, "/usr/bin/bash", {"bash", "/home/u/.vscode-server/x.sh"});
  SnapshotOptions options = options_for(fixture.root());
  options.staged = true;
  const Snapshot first = snapshot_of(options);
  const auto pids = [](const auto& processes) {
    std::vector<pid_t> found;
    for (const auto& process : processes) found.push_back(process.pid);
    std::sort(found.begin(), found.end());
    return found;
  };
  CHECK(first.rest != nullptr);
  CHECK((pids(first.processes) == std::vector<pid_t>{1, 50, 51}));
  // The command line of a shell makes it a suspect only of a user who is not settled.
  CHECK((pids(first.chain) == std::vector<pid_t>{1, 50, 51, 60, 100, 200}));
  for (const ChainProcess& one : first.chain) {
    CHECK(one.suspect == (one.pid == 100 || one.pid == 200));
    if (one.pid == 60) CHECK(one.ppid == 51 && one.uid == 3000 && one.start_time == 60);
  }
  auto rest = finish_snapshot(*first.rest, {3000});
  CHECK(rest.ok() && !rest.value().rest && rest.value().chain.empty());
  if (rest) CHECK((pids(rest.value().processes) == std::vector<pid_t>{1, 50, 51, 200, 201, 202}));
  if (rest) CHECK(find(rest.value(), 202)->argv.size() == 2);

  options.staged = false;
  const auto whole = pids(snapshot_of(options).processes);
  CHECK((whole == std::vector<pid_t>{1, 50, 51, 60, 100, 101, 102, 200, 201, 202}));
  options.staged = true;
  const Snapshot again = snapshot_of(options);
  auto all = finish_snapshot(*again.rest, {});
  CHECK(all && pids(all.value().processes) == whole);
  // Where no user has a suspect there is nothing to go on with.
  options.uids = std::unordered_set<uid_t>{3002};
  CHECK(snapshot_of(options).rest == nullptr);
}

// Guard: a suspect whose parent cannot be read is not left out of the chains: its user would be settled.
void a_chain_holds_what_cannot_be_read() {
  const ProcFixture fixture;
  init(fixture);
  FakeProcess server = fake(100, 1, kServer);
  server.start_time = 777;
  fixture.add(server);
  std::ofstream(fixture.root() + "/100/stat") << "malformed";
  SnapshotOptions options = options_for(fixture.root());
  options.staged = true;
  const Snapshot first = snapshot_of(options);
  CHECK(first.chain.size() == 1 && first.chain[0].pid == 100);
  CHECK(first.chain[0].suspect && first.chain[0].ppid == 0 && first.chain[0].start_time == 0);
}

// A real process whose first thread has ended: state Z, alive.
void sees_a_real_zombie_leader() {
  int ready[2];
  CHECK(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    static int out = ready[1];
    static pid_t leader = getpid();
    pthread_t thread;
    const auto body = [](void*) -> void* {
      // The leader is known to have ended when its state says so.
      for (char state = '?'; state != 'Z';) {
        std::string line;
        std::getline(std::ifstream("/proc/" + std::to_string(leader) + "/stat"), line);
        if (const auto at = line.rfind(')'); at != std::string::npos) state = line[at + 2];
      }
      if (write(out, "z", 1) != 1) _exit(1);
      for (;;) pause();
    };
    if (pthread_create(&thread, nullptr, body, nullptr) != 0) _exit(1);
    pthread_exit(nullptr);
  }
  char byte;
  CHECK(read(ready[0], &byte, 1) == 1);
  SnapshotOptions options = options_for("/proc");
  options.full = true;
  options.uids = std::unordered_set<uid_t>{geteuid()};
  const Snapshot snapshot = snapshot_of(options);
  const Process* process = find(snapshot, child);
  CHECK(process != nullptr && process->state == 'Z' && process->threads == 2);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}

}  // namespace

int main() {
  reads_a_suspects_processes_in_full();
  finds_suspects_by_command_line();
  leaves_out_what_belongs_to_no_tree();
  unknown_command_lines_are_suspect();
  returns_sshd_and_ancestors();
  a_cycle_of_parents_ends();
  finds_other_users_processes_inside_a_tree();
  keeps_a_zombie_leader_with_threads();
  counts_what_it_could_not_read();
  as_ordinary_user(hidden_processes_are_denied);
  as_ordinary_user(hiding_from_its_own_user_is_not_a_fault);
  a_too_long_path_is_distinguished();
  the_budget_of_processes_is_per_user();
  the_budget_of_command_lines_is_per_user();
  drops_a_process_whose_pid_was_recycled();
  fails_when_nothing_can_be_known();
  faults_are_bounded();
  goes_on_without_settled_users();
  a_chain_holds_what_cannot_be_read();
  sees_the_live_host();
  sees_a_real_zombie_leader();
  return report("snapshot");
}
