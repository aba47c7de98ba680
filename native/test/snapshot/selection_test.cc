// Which processes a snapshot holds, in one stage and in two.
#include <sched.h>

#include "test/snapshot/host.h"

using namespace reaper;

namespace {

// What is neither a suspect nor above or below one is left out, whoever's it is.
void reads_suspects_with_what_is_above_and_below() {
  Host host;
  host.add(90, 1, "/usr/bin/bash", {"-bash"});
  host.add(91, 90, "/usr/bin/vim", {"vim"});
  host.add(100, 90, kServer);
  host.add(95, 101, "/usr/bin/make", {"make"});  // a lower pid than its parent's
  host.add(101, 100, "/usr/bin/bash", {"bash"});
  host.add(102, 101, "", {}, [](FakeProcess& zombie) { zombie.state = 'Z'; });
  host.add(110, 1, "/usr/bin/python3.11", {"python", "/opt/x/bin/code-server"});
  host.add(111, 110, "/usr/bin/sleep");
  host.add(112, 1, "/usr/bin/node", {});                         // hides its command line
  host.add(113, 1, "/usr/bin/node", {std::string(50000, 'x')});  // too long to be known
  host.add(114, 1, "/lib/ld-musl-aarch64.so.1", {"x", "/home/u/.new-server/node"});
  host.add(115, 1, "/usr/bin/node", {}, [](FakeProcess& made) { made.cmdline_blocks = true; });
  // An editor is what its executable says, whatever it edits, and a shell what runs below it.
  for (const pid_t pid : {116, 117, 118})
    host.add(pid, 1, pid == 116 ? "/usr/bin/ldd" : pid == 117 ? "/usr/bin/vim" : "/usr/bin/bash", kMarked);
  host.add(120, 1, "/usr/bin/python3", {"python3", "work.py"});
  host.add(121, 120, "/usr/bin/vim", {"vim"});
  Snapshot snapshot = host.look();
  CHECK((pids_of(snapshot.processes) == Pids{1, 90, 95, 100, 101, 102, 110, 111, 112, 113, 114, 115}));
  CHECK(snapshot.counts.read == 12 && snapshot.counts.listed == 18);
  CHECK(at(snapshot, 90).argv.size() == 1);  // a launcher is a shell above its server
  CHECK(at(snapshot, 102).state == 'Z' && !at(snapshot, 102).exe);
  CHECK(at(snapshot, 112).argv_status == ArgvStatus::kEmpty);
  CHECK(at(snapshot, 113).argv_truncated && at(snapshot, 113).argv.empty());
  CHECK(at(snapshot, 115).argv_status == ArgvStatus::kTimeout && at(snapshot, 115).argv.empty());
  CHECK(snapshot.counts.timed_out == 1 && snapshot.faults.size() == 1 && has_fault(snapshot, 115));
  host.options.full = true;
  CHECK(host.look().processes.size() == 18);
}

void returns_sshd_and_ancestors() {
  Host host;
  host.add(40, 1, "/usr/sbin/sshd (deleted)", {"sshd: u [priv]"}, [](FakeProcess& sshd) {
    if (geteuid() == 0) sshd.uid = 0;
  });
  host.add(41, 40, "/usr/lib/openssh/sshd-session", {"sshd: u"});
  host.add(60, 1, "/usr/bin/sshd-fake");
  Snapshot snapshot = host.look();
  CHECK((pids_of(snapshot.processes) == Pids{1, 40, 41}));
  CHECK(at(snapshot, 40).argv_status == ArgvStatus::kSkipped && at(snapshot, 40).argv.empty());
  CHECK(at(snapshot, 1).argv_status == ArgvStatus::kSkipped);

  host.add(100, 60, kServer);
  host.add(101, 1, "/usr/bin/node", kMarked);
  host.options.uids = {{fixture_uid() + 1}};
  for (const bool full : {false, true}) {
    host.options.full = full;
    CHECK((pids_of(host.look().processes) == Pids{1, 40, 41}));
  }
  host.options.uids = {{fixture_uid()}};
  CHECK((pids_of(host.look().processes) == Pids{1, 40, 41, 60, 100, 101}));
}

void an_ssh_server_in_a_servers_folder_is_one() {
  const Host host;
  host.add(100, 1, "/home/u/.vscode-server/sshd");
  const Snapshot snapshot = host.look();
  CHECK((pids_of(snapshot.processes) == Pids{1, 100}));
  CHECK(at(snapshot, 100).argv_status == ArgvStatus::kSkipped);
}

void a_circle_of_parents_ends() {
  Host host;
  host.add(100, 101, kServer);
  host.add(101, 100, "/usr/bin/sh");
  host.add(102, 102, "/usr/bin/sh");
  host.add(103, 9999, "/usr/bin/sh");
  CHECK((pids_of(host.look().processes) == Pids{100, 101}));
  host.options.staged = true;
  CHECK(host.look().chain.size() == 2);
  host.options.staged = false;
  host.options.full = true;
  CHECK(host.look().processes.size() == 5);
}

void finds_other_users_processes_inside_a_tree() {
  if (!is_root()) return;
  Host host;
  host.add(100, 1, kServer);
  // Children with lower pids than their parents, so that one pass over the list does not do.
  host.add_of(0, 90, 101, "/usr/bin/bash");
  host.add_of(0, 80, 90, "/usr/bin/make");
  host.add_of(0, 101, 100, "/usr/bin/sudo");
  host.add_of(0, 200, 1, "/usr/sbin/cron");
  host.add_of(2002, 70, 90, "/usr/bin/psql");
  host.add_of(2003, 60, 1, "/usr/bin/psql");
  const Snapshot snapshot = host.look();
  CHECK((pids_of(snapshot.processes) == Pids{1, 80, 90, 100, 101}));
  for (const pid_t pid : {101, 90, 80}) CHECK(at(snapshot, pid).argv.size() == 1);
  host.options.full = true;
  host.options.uids = {{fixture_uid()}};
  CHECK((pids_of(host.look().processes) == Pids{1, 70, 80, 90, 100, 101}));
}

// Becomes this user in a user namespace of its own, and a subordinate one in a further one that this one
// makes.
bool enter_namespaces(uid_t user, uid_t subordinate) {
  int made[2];
  if (pipe(made) != 0) return false;
  const pid_t self = getpid(), root = fork();
  if (root == 0) {
    char byte;
    if (read(made[0], &byte, 1) != 1) _exit(1);
    write_file("/proc/" + std::to_string(self) + "/uid_map",
               "0 " + std::to_string(user) + " 1\n1 " + std::to_string(subordinate) + " 9\n");
    _exit(0);
  }
  int status = 1;
  return setresuid(user, user, user) == 0 && unshare(CLONE_NEWUSER) == 0 && write(made[1], "x", 1) == 1 &&
         waitpid(root, &status, 0) == root && status == 0 && setresuid(1, 1, 1) == 0 &&
         unshare(CLONE_NEWUSER) == 0;
}

// Guard: a user with more processes than the budget is named, and the other user's are read all the same, and
// all of root's.
void the_budget_of_processes_is_per_user() {
  if (!is_root()) return;
  Host host;
  // Most of them under subordinate uids of the same user: one of a range, one that the kernel alone knows.
  const uid_t uids[] = {3000, 200001, 300001};
  const Child container([](int) { return enter_namespaces(3000, 300000); });
  for (pid_t pid = 100; pid < 120; ++pid) {
    host.add_of(uids[pid % 3], pid, pid == 100 ? 1 : pid - 1, pid == 100 ? kServer : "/usr/bin/bash");
    if (uids[pid % 3] != 300001) continue;
    const std::string space = host.proc.path(pid, "ns/user");
    std::filesystem::remove(space);
    std::filesystem::create_symlink("/proc/" + std::to_string(container.pid()) + "/ns/user", space);
  }
  for (pid_t pid = 200; pid < 210; ++pid) host.add(pid, pid == 200 ? 1 : pid - 1, kServer);
  for (pid_t pid = 300; pid < 320; ++pid) host.add_of(0, pid, 1, "/usr/sbin/sshd");
  host.options.full = true;
  host.options.user_processes = 10;
  host.options.owners = Owners{{{200000, 65536, 3000}}};
  const Snapshot snapshot = host.look();
  const auto of = [&](pid_t from, pid_t to) {
    return std::count_if(snapshot.processes.begin(), snapshot.processes.end(),
                         [&](const Process& process) { return process.pid >= from && process.pid < to; });
  };
  CHECK(of(100, 120) == 10 && of(200, 210) == 10 && of(300, 320) == 20);
  CHECK((snapshot.over_budget == std::set<uid_t>{3000, 200001, 300001}));
  CHECK(at(snapshot, 101).account == 3000 && at(snapshot, 200).account == fixture_uid());
  CHECK(snapshot.faults.size() == 1 && snapshot.faults[0].uid == 3000U && snapshot.faults[0].pid == 0);
}

// Guard: 1,500 processes with long command lines took the sweep's memory. A user has a budget of 8 MiB.
void the_budget_of_command_lines_is_per_user() {
  if (!is_root()) return;
  const Host host;
  for (pid_t pid = 100; pid < 450; ++pid) host.add_of(3000, pid, 1, kServer, {std::string(30000, 'x')});
  host.add(500, 1, kServer, {"modest"});
  const Snapshot snapshot = host.look();
  std::size_t bytes = 0;
  for (const Process& process : snapshot.processes)
    if (process.uid == 3000 && !process.argv.empty()) bytes += process.argv[0].size();
  CHECK(snapshot.processes.size() == 352 && bytes > (7u << 20) && bytes <= (8u << 20) + 30000);
  CHECK(at(snapshot, 500).argv_status == ArgvStatus::kRead);
  CHECK(snapshot.over_budget == std::set<uid_t>{3000});
  CHECK(snapshot.faults.size() == 1 && snapshot.faults[0].uid == 3000U);
  // Denied ones trip the circuit breaker, and this is one user's doing.
  CHECK(snapshot.counts.denied == 0);
}

// A first stage has the ssh servers, and of suspects only what shows where they belong; a second one all but
// the skipped users' trees.
void goes_on_without_skipped_users() {
  if (!is_root()) return;
  Host host;
  const auto add = [&host](pid_t pid, pid_t ppid, uid_t uid, const char* exe, const Argv& argv = {"x"}) {
    host.add(pid, ppid, exe, argv, [&](FakeProcess& made) {
      made.uid = uid;
      made.start_time = static_cast<std::uint64_t>(pid);
    });
  };
  add(50, 1, 0, "/usr/sbin/sshd");
  add(51, 50, 3000, "/usr/sbin/sshd");
  add(60, 51, 3000, "/usr/bin/bash");
  add(100, 60, 3000, kServer);
  add(101, 100, 3000, "/usr/bin/vim");
  add(102, 1, 3000, "/usr/bin/node", kMarked);
  add(200, 1, 3001, kServer);
  add(201, 200, 3001, "/usr/bin/vim");
  host.options.staged = true;
  const Snapshot first = host.look();
  CHECK(first.rest != nullptr && (pids_of(first.processes) == Pids{1, 50, 51}));
  CHECK((pids_of(first.chain) == Pids{1, 50, 51, 60, 100, 102, 200}));
  for (const ChainProcess& one : first.chain) {
    CHECK(one.suspect == (one.pid >= 100));
    if (one.pid == 60) CHECK(one.ppid == 51 && one.uid == 3000 && one.start_time == 60);
  }
  const Snapshot rest = checked(finish_snapshot(*first.rest, {3000}));
  CHECK(!rest.rest && rest.chain.empty());
  CHECK((pids_of(rest.processes) == Pids{1, 50, 51, 200, 201}));
  const Snapshot again = host.look();
  const Pids all = pids_of(checked(finish_snapshot(*again.rest, {})).processes);
  host.options.staged = false;
  CHECK((all == Pids{1, 50, 51, 60, 100, 101, 102, 200, 201}));
  CHECK(all == pids_of(host.look().processes));
  // Where no user has a suspect there is nothing to go on with.
  host.options.staged = true;
  host.options.uids = {{3002}};
  CHECK(host.look().rest == nullptr);
}

// Guard: a suspect whose parent cannot be read is not left out of the chains: its user would be skipped.
void a_chain_holds_what_cannot_be_read() {
  Host host;
  host.add(100, 1, kServer);
  write_file(host.proc.path(100, "stat"), "malformed");
  host.options.staged = true;
  const Snapshot first = host.look();
  CHECK(first.chain.size() == 1 && first.chain[0].pid == 100);
  CHECK(first.chain[0].suspect && first.chain[0].ppid == 0 && first.chain[0].start_time == 0);
}

}  // namespace

int main() {
  reads_suspects_with_what_is_above_and_below();
  returns_sshd_and_ancestors();
  an_ssh_server_in_a_servers_folder_is_one();
  a_circle_of_parents_ends();
  finds_other_users_processes_inside_a_tree();
  the_budget_of_processes_is_per_user();
  the_budget_of_command_lines_is_per_user();
  goes_on_without_skipped_users();
  a_chain_holds_what_cannot_be_read();
  return report("selection");
}
