// What reading environments may cost, and who is charged.
#include <algorithm>

#include "test/killable/environments.h"

using namespace reaper;

namespace {

void a_stalled_process_is_not_asked_again() {
  Host host;
  FakeProcess fake = host.add(10, "");
  std::filesystem::remove(host.fixture.path(10, "cmdline"));
  CHECK(mkfifo(host.fixture.path(10, "cmdline").c_str(), 0600) == 0);
  const Snapshot found = look(host.options);
  CHECK(at(found, 10).argv_status == ArgvStatus::kTimeout && at(found, 10).variables_asked);
  CHECK(!at(found, 10).variables && found.faults.size() == 1);
}

void one_user_cannot_spend_the_time_of_others() {
  if (!is_root()) return;
  Host host;
  host.options.timeout_ms = 300;
  for (pid_t pid = 10; pid < 30; ++pid) host.add(pid, "", 3001);
  host.add(40, "SLURM_JOB_ID=1" + kEnd, 3002);
  const Snapshot found = look(host.options);
  CHECK(at(found, 40).variables == Names({"SLURM_JOB_ID"}));
  for (pid_t pid = 10; pid < 30; ++pid) CHECK(!at(found, pid).variables);
  CHECK(found.counts.timed_out == 20);
}

// Guard: 6,000 forks that share a large environment would take the time of all others.
void bytes_are_charged_to_the_user() {
  if (!is_root()) return;
  Host host;
  host.options.owners = Owners{{{100000, 65536, 3001}}};
  host.options.timeout_ms = 10000;  // 70 MB are read on a busy machine
  host.options.budget_ms = 60000;
  const std::string text = std::string(6 << 20, 'x') + kEnd + "PBS_JOBID=1" + kEnd;
  for (pid_t pid = 10; pid < 40; ++pid) {
    const uid_t uid = pid == 39 ? 3002 : pid % 2 == 0 ? 3001 : 100000;
    host.add(pid, pid == 10 ? text : "x", uid);
    if (pid == 10) continue;
    std::filesystem::remove(host.fixture.path(pid, "environ"));
    std::filesystem::create_hard_link(host.fixture.path(10, "environ"), host.fixture.path(pid, "environ"));
  }
  const Snapshot found = look(host.options);
  CHECK(at(found, 10).variables && at(found, 39).variables && !at(found, 38).variables);
  CHECK(std::count_if(found.processes.begin(), found.processes.end(),
                      [](const Process& each) { return each.variables.has_value(); }) == 12);
  CHECK(found.faults.size() == 1 && found.faults[0].uid == 3001U &&
        found.faults[0].detail.find("64 MiB") != std::string::npos);
}

// Guard: a full look reads every process of a user, and what leads no tree must not use up the budget.
void asks_only_what_may_lead_a_tree() {
  Host host;
  host.options.full = true;
  host.options.uids = {{fixture_uid()}};
  host.options.interpreters = {"node"};
  host.options.argv_markers = {"/server/"};
  host.options.timeout_ms = 10000;
  host.options.budget_ms = 60000;
  const auto add = [&host](pid_t pid, pid_t ppid, const char* exe, const char* argument) {
    FakeProcess fake;
    fake.pid = pid;
    fake.ppid = ppid;
    fake.exe = exe;
    fake.argv = {"x", argument};
    host.fixture.add(fake);
    write_file(host.fixture.path(pid, "environ"), "SLURM_JOB_ID=1" + kEnd);
  };
  for (pid_t pid = 10; pid < 30; ++pid) add(pid, 1, "/usr/bin/vim", "large");
  for (pid_t pid = 10; pid < 30; ++pid)
    write_file(host.fixture.path(pid, "environ"), std::string(6 << 20, 'x') + kEnd);
  add(40, 1, "/bin/sh", "above");
  add(41, 40, "/usr/bin/sleep", "suspect");
  add(42, 41, "/bin/sh", "below");
  add(43, 41, "/bin/sh", "/server/run");  // a server's launcher, before its server starts
  add(44, 40, "/bin/sh", "beside");
  add(50, 1, "/usr/bin/node", "/server/main.js");
  add(51, 1, "/usr/bin/node", "/work/main.js");
  const Snapshot found = look(host.options);
  for (const pid_t pid : {40, 41, 43, 50}) CHECK(at(found, pid).variables == Names({"SLURM_JOB_ID"}));
  for (const pid_t pid : {10, 29, 42, 44, 51}) CHECK(!at(found, pid).variables_asked);
  CHECK(found.faults.empty());
}

// Guard: anybody may run another user's set-uid program, as often as they like.
void the_real_uid_pays() {
  if (!is_root()) return;
  Host host;
  host.options.timeout_ms = 10000;
  host.options.budget_ms = 60000;
  const std::string large = std::string(6 << 20, 'x') + kEnd;
  for (pid_t pid = 10; pid < 40; ++pid) {
    FakeProcess fake = host.add(pid, large, 3002);
    write_file(host.fixture.path(pid, "status"), "Name:\tx\nUid:\t3001\t3002\t3002\t3002\n");
    write_file(host.fixture.path(pid, "cmdline"), std::string(30000, '\0'));
  }
  host.add(50, "SLURM_JOB_ID=1" + kEnd, 3002);
  const Snapshot found = look(host.options);
  CHECK(at(found, 50).variables == Names({"SLURM_JOB_ID"}) && at(found, 50).argv_status == ArgvStatus::kRead);
  CHECK(!at(found, 39).variables && at(found, 39).argv_status == ArgvStatus::kDenied);
  CHECK(found.over_budget == std::set<uid_t>{3001});
  for (const Fault& fault : found.faults) CHECK(fault.uid == 3001U);
}

}  // namespace

int main() {
  a_stalled_process_is_not_asked_again();
  one_user_cannot_spend_the_time_of_others();
  bytes_are_charged_to_the_user();
  asks_only_what_may_lead_a_tree();
  the_real_uid_pays();
  return report("environ budget");
}
