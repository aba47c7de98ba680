// What a snapshot says of what it could not read.
#include <sched.h>
#include <sys/stat.h>

#include "test/refuse.h"
#include "test/snapshot/host.h"

using namespace reaper;

namespace {

void counts_what_it_could_not_read() {
  const Host host;
  host.add(100, 1, kServer);
  for (const pid_t pid : {101, 102, 103, 104, 105, 106, 107, 108}) host.add(pid, 100, "/usr/bin/bash");
  const auto path = [&host](pid_t pid, const char* file) { return host.proc.path(pid, file); };
  std::filesystem::remove(path(101, "stat"));           // ended while it was looked at
  write_file(path(102, "stat"), "102 (bash) S 100 1");  // torn
  write_file(path(103, "status"), "Name:\tbash\nUid:\t1\n");
  write_file(path(104, "cgroup"), "garbage");
  write_file(path(106, "loginuid"), "x");
  std::filesystem::remove(path(107, "sessionid"));
  std::filesystem::create_directory(path(107, "sessionid"));
  std::filesystem::remove(path(108, "cgroup"));
  std::filesystem::create_directory(path(108, "cgroup"));
  // A kernel without audit and cgroups.
  for (const char* file : {"loginuid", "sessionid", "ns/pid", "cgroup"})
    std::filesystem::remove(path(105, file));
  const Snapshot snapshot = host.look();
  CHECK((pids_of(snapshot.processes) == Pids{1, 100, 103, 104, 105, 106, 107, 108}));
  CHECK(snapshot.counts.gone == 1 && snapshot.counts.malformed == 4 && snapshot.counts.read == 8);
  CHECK((pids_of(snapshot.faults) == Pids{102, 103, 104, 106, 107, 108}));
  CHECK(!at(snapshot, 103).uids && at(snapshot, 103).uid == fixture_uid());
  CHECK(!at(snapshot, 104).cgroups && !at(snapshot, 108).cgroups);
  CHECK(!at(snapshot, 106).login_uid && !at(snapshot, 107).audit_session);
  CHECK(at(snapshot, 106).audit_session == 7U && at(snapshot, 107).login_uid == 1001U);
  for (const Fault& fault : snapshot.faults)
    CHECK(fault.what == (fault.pid == 102     ? "read the process"
                         : fault.pid == 103   ? "read the status"
                         : fault.pid % 4 == 0 ? "read the cgroups"
                                              : "read the audit session"));
  CHECK(snapshot.counts.denied == 0);
  const Process& bare = at(snapshot, 105);
  CHECK(!bare.login_uid && !bare.audit_session && !bare.foreign_pid_ns);
  CHECK(bare.cgroups && bare.cgroups->empty());
}

// Runs checks as an ordinary user: modes and hidden executables do not bind root.
void as_ordinary_user(void (*checks)()) {
  CHECK(exit_of([checks] {
          g_failures = 0;
          if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 2;
          prctl(PR_SET_DUMPABLE, 1);
          checks();
          return g_failures == 0 ? 0 : 1;
        }) == 0);
}

void hidden_processes_are_denied() {
  const Host host;
  host.add(100, 1, kServer);
  host.add(101, 1, "/usr/bin/bash");
  const std::string hidden = host.proc.root() + "/101";
  chmod(hidden.c_str(), 0);
  const Snapshot snapshot = host.look();
  chmod(hidden.c_str(), 0700);
  CHECK((pids_of(snapshot.processes) == Pids{1, 100}));
  CHECK(snapshot.counts.denied == 1 && has_fault(snapshot, 101));
}

// A process that hides from its own user is counted and returned without its executable, and is not a fault:
// the user could not change it.
void hiding_from_its_own_user_is_not_a_fault() {
  const Child agent([](int) { return prctl(PR_SET_DUMPABLE, 0) == 0; });
  SnapshotOptions options = options_for("/proc");
  options.uids = {{geteuid()}};
  const Snapshot snapshot = checked(take_snapshot(options));
  const Process& process = at(snapshot, agent.pid());
  CHECK(!process.exe && process.exe_unreadable == ExeUnreadable::kDenied);
  CHECK(snapshot.counts.denied >= 1 && !has_fault(snapshot, agent.pid()));
}

void fails_when_nothing_can_be_known() {
  CHECK(!take_snapshot(options_for("/nonexistent")).ok());
  const Host host;
  const std::string boot_id = host.proc.root() + "/sys/kernel/random/boot_id";
  for (const std::string& text : {std::string("\n"), std::string(65, 'x')}) {
    write_file(boot_id, text);
    CHECK(take_snapshot(host.options).failure().code == EBADMSG);
  }
  std::filesystem::remove(boot_id);
  const auto result = take_snapshot(host.options);
  CHECK(!result.ok() && result.failure().code == ENOENT);
  CHECK(result.failure().what.find("boot_id") != std::string::npos);
}

// Guard: a host whose processes cannot be listed, or are those of another pid namespace, is not an empty one.
void fails_where_the_processes_cannot_be_listed() {
  const Host host;
  const auto code = [](const SnapshotOptions& options) {
    const auto result = take_snapshot(options);
    return result.ok() ? 0 : result.failure().code;
  };
  CHECK(exit_of([&] { return refuse({{SYS_getdents64, EIO}}) && code(host.options) == EIO ? 0 : 1; }) == 0);
  if (!is_root()) return;
  const auto inside = [&] { return code(options_for("/proc")) == EXDEV ? 0 : 1; };
  CHECK(exit_of([&] { return unshare(CLONE_NEWPID) != 0 ? 2 : exit_of(inside); }) == 0);
}

// Guard: a process that hides its executable may be a server or an ssh server. One of root's may be an ssh
// server alone, and process 1 is neither.
void what_hides_its_executable_may_be_anything() {
  if (!is_root()) return;
  Host host;
  host.options.timeout_ms = 5000;  // a busy machine answers late
  const auto hide = [&host](uid_t uid, pid_t pid, pid_t ppid) {
    if (pid != 1) host.add_of(uid, pid, ppid, "/usr/bin/node");
    std::filesystem::remove(host.proc.path(pid, "exe"));
    write_file(host.proc.path(pid, "exe"), "no link");
  };
  hide(0, 1, 0);  // is there already
  hide(3000, 100, 1);
  host.add_of(3000, 101, 100, "/usr/bin/bash");
  hide(0, 200, 1);
  host.add_of(0, 201, 200, "/usr/bin/bash");
  for (const uid_t observer : {uid_t{0}, uid_t{3000}}) {
    host.options.observer = observer;
    const Snapshot snapshot = host.look();
    CHECK((pids_of(snapshot.processes) == (observer == 0 ? Pids{1, 100, 101, 200} : Pids{1, 100, 101})));
    CHECK(!at(snapshot, 100).exe && at(snapshot, 100).exe_unreadable == ExeUnreadable::kDenied);
    CHECK(at(snapshot, 1).exe_unreadable == ExeUnreadable::kDenied);
    CHECK((pids_of(snapshot.faults) == (observer == 0 ? Pids{100, 200} : Pids{100})));
    for (const Fault& fault : snapshot.faults)
      CHECK(fault.what == "read the executable's path" && fault.detail == "Invalid argument");
  }
}

// A command line that hangs uses up its own user's time. The snapshot reads none of users that the caller
// left out.
void asks_for_no_command_line_in_vain() {
  Host host;
  host.add(100, 1, "/usr/bin/node", {}, [](FakeProcess& made) { made.cmdline_blocks = true; });
  host.add(101, 1, "/usr/bin/node", kMarked);
  std::filesystem::remove(host.proc.path(101, "cmdline"));
  host.options.uids = {{fixture_uid() + 1}};
  Snapshot snapshot = host.look();
  CHECK(snapshot.processes.empty() && snapshot.counts.timed_out == 0 && snapshot.faults.empty());
  host.options.uids.reset();
  snapshot = host.look();  // 101 has ended
  CHECK((pids_of(snapshot.processes) == Pids{1, 100}) && snapshot.counts.timed_out == 1);
}

// Guard: a snapshot that ran out of descriptors or memory, in either stage, may lack any process, so it fails
// as a whole.
void fails_where_descriptors_run_out() {
  for (const bool staged : {false, true}) {
    Host host;
    host.add(100, 1, kServer);
    if (staged) host.add(40, 1, "/usr/sbin/sshd");
    host.options.staged = staged;
    host.options.interpreters.clear();
    for (const int error : {EMFILE, ENFILE, ENOMEM})
      CHECK(exit_of([&] {
              // The folder of a process, in which all is read in full.
              if (!refuse({{SYS_openat, error, 2, O_PATH, O_PATH}})) return 2;
              const auto result = take_snapshot(host.options);
              return !result.ok() && result.failure().code == error ? 0 : 1;
            }) == 0);
  }
}

void faults_are_bounded() {
  const Host host;
  host.add(100, 1, kServer);
  for (pid_t pid = 200; pid < 400; ++pid) {
    host.add(pid, 100, "/usr/bin/bash");
    write_file(host.proc.path(pid, "stat"), "torn");
  }
  const Snapshot snapshot = host.look();
  CHECK(snapshot.counts.malformed == 200 && snapshot.faults.size() == 50);
  if (!is_root()) return;
  for (pid_t pid = 1000; pid < 1900; ++pid) {
    host.add_of(static_cast<uid_t>(3000 + pid / 50), pid, 1, kServer);
    write_file(host.proc.path(pid, "stat"), "torn");
  }
  CHECK(host.look().faults.size() == 400);
}

}  // namespace

int main() {
  counts_what_it_could_not_read();
  as_ordinary_user(hidden_processes_are_denied);
  as_ordinary_user(hiding_from_its_own_user_is_not_a_fault);
  what_hides_its_executable_may_be_anything();
  asks_for_no_command_line_in_vain();
  fails_when_nothing_can_be_known();
  fails_where_the_processes_cannot_be_listed();
  fails_where_descriptors_run_out();
  faults_are_bounded();
  return report("unreadable");
}
