// What a snapshot holds of each process.
#include "test/snapshot/host.h"

using namespace reaper;

namespace {

void reads_a_suspects_processes_in_full() {
  const Host host;
  host.add(100, 50, kServer, {kServer, "out/server-main.js", "--port=0"}, [](FakeProcess& server) {
    server.comm = ") R 1 1 \n";
    server.threads = 11;
    server.start_time = 777;
  });
  host.add(101, 100, "/usr/bin/bash", {"bash"}, [](FakeProcess& shell) {
    shell.session_id = shell.login_uid = "4294967295";
    shell.ignores_hangup = true;
  });
  const Snapshot snapshot = host.look();
  CHECK(snapshot.boot_id == "3f0c4f3e-1111-2222-3333-444455556666");
  CHECK(snapshot.uptime_ms > 0 && snapshot.ticks_per_second > 0 && snapshot.taken_at_ms > 1600000000000);
  const Process& process = at(snapshot, 100);
  CHECK(process.start_time == 777 && process.ppid == 50 && process.threads == 11);
  CHECK(process.comm == ") R 1 1 \n" && process.exe == kServer && process.argv.size() == 3);
  CHECK(process.argv_status == ArgvStatus::kRead && process.uid == fixture_uid());
  CHECK(process.uids && (*process.uids)[2] == fixture_uid() && process.rss_kib >= 1024);
  CHECK(process.cgroups == Argv({"/user.slice/user-1001.slice/session-c1.scope"}));
  CHECK(process.audit_session == 7U && process.login_uid == 1001U);
  CHECK(process.foreign_user_ns == false && process.foreign_pid_ns == false);
  CHECK(!at(snapshot, 101).audit_session && !at(snapshot, 101).login_uid);
  CHECK(process.ignores_hangup == false && at(snapshot, 101).ignores_hangup == true);
  CHECK(snapshot.counts.listed == 3 && snapshot.counts.denied == 0 && snapshot.faults.empty());
}

// Compared with process 1, for this program's unit has a mount namespace of its own.
void compares_mount_namespaces() {
  const Host host;
  host.add(100, 1, kServer);
  host.add(101, 1, kServer, kMarked, [](FakeProcess& elsewhere) { elsewhere.mnt_ns = "mnt:[4026532000]"; });
  host.add(102, 1, kServer);
  std::filesystem::remove(host.proc.path(102, "ns/mnt"));
  const Snapshot snapshot = host.look();
  CHECK(at(snapshot, 100).foreign_mnt_ns == false && at(snapshot, 101).foreign_mnt_ns == true);
  CHECK(!at(snapshot, 102).foreign_mnt_ns.has_value());
}

// Guard: root of a user's own namespace is not root, and the user is the effective one of four uids.
void tells_namespaces_and_uids_apart() {
  const Host host;
  host.add(100, 1, kServer);
  for (const char* ns : {"user", "pid"}) {
    const std::string link = host.proc.path(100, "ns/") + ns;
    std::filesystem::remove(link);
    std::filesystem::create_symlink(std::string(ns) + ":[4026532999]", link);
  }
  write_file(host.proc.path(100, "status"), "Name:\tx\nUid:\t1\t2\t3\t4\n");
  const Snapshot snapshot = host.look();
  const Process& process = at(snapshot, 100);
  CHECK(process.foreign_user_ns == true && process.foreign_pid_ns == true);
  CHECK(process.uid == 2 && process.uids && (*process.uids)[3] == 4);
}

SnapshotOptions all_of_own() {
  SnapshotOptions options = options_for("/proc");
  options.full = true;
  options.uids = {{geteuid()}};
  return options;
}

// Guard: a user may run a program whose path exceeds PATH_MAX. It hides the program, and it proves that root
// did not install it.
void a_too_long_path_is_distinguished() {
  char base[] = "/tmp/reaper-long-XXXXXX";
  CHECK(mkdtemp(base) != nullptr);
  {
    const Child child([&base](int) {
      if (chdir(base) != 0) return false;
      const std::string name(250, 'd');
      for (int i = 0; i < 20; ++i)
        if (mkdir(name.c_str(), 0700) != 0 || chdir(name.c_str()) != 0) return false;
      std::filesystem::copy_file("/bin/sleep", "sleep");
      execl("sleep", "sleep", "1000", nullptr);
      return false;
    });
    const Snapshot snapshot = checked(take_snapshot(all_of_own()));
    const Process& process = at(snapshot, child.pid());
    CHECK(!process.exe && process.exe_unreadable == ExeUnreadable::kTooLong);
    CHECK(at(snapshot, getpid()).exe && !at(snapshot, getpid()).exe_unreadable);
    // The service's account is not root, and acts for it: it must not take what it cannot read for absent.
    for (const bool acts : {true, false}) {
      if (!is_root()) break;
      const int seen = exit_of([&] {
        if (setgid(65534) != 0 || setuid(65534) != 0) return 2;
        SnapshotOptions options = options_for("/proc");
        options.observer = acts ? 0 : geteuid();
        options.interpreters.clear();
        const auto found = take_snapshot(options);
        return found && find(found.value(), child.pid()) != nullptr ? 1 : 0;
      });
      CHECK(seen == (acts ? 1 : 0));
    }
  }
  std::filesystem::remove_all(base);
}

// The pid changes hands just before its command line is read: that line is not the first owner's. Guard: a
// process that can no longer be read has not ended.
void drops_a_process_whose_pid_was_recycled() {
  for (const bool is_torn : {false, true}) {
    Host host;
    FakeProcess server;
    host.add(100, 1, kServer, {}, [&server](FakeProcess& made) {
      made.cmdline_blocks = true;
      server = made;
    });
    host.add(101, 100, "/usr/bin/bash");
    const pid_t writer = fork();
    if (writer == 0) {
      // Waits for the reader.
      const int fifo = open(host.proc.path(100, "cmdline").c_str(), O_WRONLY | O_CLOEXEC);
      server.start_time += 1;
      write_file(host.proc.path(100, "stat"), is_torn ? "torn" : stat_line(server));
      _exit(write(fifo, "other", 6) == 6 ? 0 : 1);
    }
    host.options.timeout_ms = 5000;
    const Snapshot snapshot = host.look();
    waitpid(writer, nullptr, 0);
    CHECK((pids_of(snapshot.processes) == (is_torn ? Pids{1, 100, 101} : Pids{1, 101})));
    CHECK(snapshot.counts.gone == (is_torn ? 0 : 1) && snapshot.counts.read == (is_torn ? 3 : 2));
    CHECK(has_fault(snapshot, 100) == is_torn);
  }
}

void sees_the_live_host() {
  const Snapshot snapshot = checked(take_snapshot(all_of_own()));
  const Process& self = at(snapshot, getpid());
  CHECK(self.ppid == getppid() && self.uid == geteuid() && self.start_time > 0);
  CHECK(self.argv_status == ArgvStatus::kRead && self.comm == "snapshot_test");
  CHECK(self.foreign_pid_ns == false && self.foreign_user_ns == false);
  CHECK(snapshot.uptime_ms > 0 && snapshot.boot_id.size() == 36);
  const int before = open_fds();
  for (int i = 0; i < 100; ++i) CHECK(take_snapshot(all_of_own()).ok());
  // On a loaded host those of the last look may still die.
  int left = 0;
  while (waitpid(-1, nullptr, 0) > 0) ++left;
  CHECK(open_fds() == before && left <= 2);
}

// A real process whose first thread has ended: state Z, alive.
void sees_a_real_zombie_leader() {
  const Child child(end_first_thread);
  const Snapshot snapshot = checked(take_snapshot(all_of_own()));
  const Process& process = at(snapshot, child.pid());
  CHECK(process.state == 'Z' && process.threads == 2 && !process.exe);
  CHECK(process.argv_status == ArgvStatus::kEmpty);
}

}  // namespace

int main() {
  reads_a_suspects_processes_in_full();
  compares_mount_namespaces();
  tells_namespaces_and_uids_apart();
  a_too_long_path_is_distinguished();
  drops_a_process_whose_pid_was_recycled();
  sees_the_live_host();
  sees_a_real_zombie_leader();
  return report("snapshot");
}
