#include "core/killable/environ.h"

#include <map>
#include <string>

#include "core/snapshot/snapshot.h"
#include "test/child.h"
#include "test/proc_fixture.h"

using namespace reaper;

namespace {

using Names = std::vector<std::string>;

const Names kNames = {"SLURM_JOB_ID", "PBS_JOBID"};
const std::string kEnd(1, '\0');

std::string met(const std::string& text, const Names& names = {"SLURM_JOB_ID", "JOB_ID", "A"}) {
  std::string answer(names.size(), '?');
  match_environ(text, names, answer.data());
  return answer;
}

void finds_whole_names_and_nothing_else() {
  const struct {
    std::string text, expected;
  } cases[] = {
      {"SLURM_JOB_ID=7" + kEnd + "PATH=/bin" + kEnd, "100"},
      {"PATH=/bin" + kEnd + "JOB_ID=" + kEnd + "A==" + kEnd, "011"},
      {"", "000"},
      {kEnd + kEnd + "A=1" + kEnd, "001"},
      {"A=no end", "001"},
      {"SLURM_JOB_ID" + kEnd, "000"},
      {"XSLURM_JOB_ID=1" + kEnd + "SLURM_JOB_IDX=1" + kEnd + "SLURM_JOB_I=1" + kEnd, "000"},
      {"X=SLURM_JOB_ID=1" + kEnd + "Y=\nJOB_ID=1" + kEnd, "000"},
      {"slurm_job_id=1" + kEnd + "=JOB_ID=1" + kEnd, "000"},
      {"SLURM_" + kEnd + "JOB_ID" + kEnd, "000"},
      {std::string(200, 'J') + "JOB_ID=1" + kEnd, "000"},
  };
  for (const auto& each : cases) CHECK(met(each.text) == each.expected);
  CHECK(met("A=1" + kEnd, {}).empty());
  CHECK(names_met("01", kNames) == Names({"PBS_JOBID"}));
  for (const char* lie : {"", "1", "111"}) CHECK(!names_met(lie, kNames));
}

// A computed value, which this process has nowhere of itself.
constexpr std::size_t kValue = 40;
char value_at(std::size_t i) { return static_cast<char>('a' + (i * i * 7 + i * 3 + 1) % 26); }

// For Child: executes `sleep` with this environment, whose first variable may be given the value.
auto sleep_with(Names environment, bool with_value = false) {
  return [environment = std::move(environment), with_value](int) mutable {
    for (std::size_t i = 0; with_value && i < kValue; ++i) environment[0] += value_at(i);
    std::vector<char*> list;
    for (std::string& entry : environment) list.push_back(entry.data());
    list.push_back(nullptr);
    execle("/bin/sleep", "sleep", "1000", nullptr, list.data());
    return false;
  };
}

SnapshotOptions options_for(const std::string& proc_root) {
  SnapshotOptions options;
  options.proc_root = proc_root;
  options.exe_markers = {"/sleep"};
  options.variables = kNames;
  options.timeout_ms = 1000;  // a busy machine answers late
  return options;
}

Snapshot look(const SnapshotOptions& options) {
  auto found = take_snapshot(options);
  CHECK(found.ok());
  return found ? found.take() : Snapshot();
}

// A process that no snapshot holds fails the check, and was not asked.
const Process& at(const Snapshot& snapshot, pid_t pid) {
  static const Process kNone;
  for (const Process& process : snapshot.processes)
    if (process.pid == pid) return process;
  CHECK(false);
  return kNone;
}

Snapshot look_at_own() {
  SnapshotOptions options = options_for("/proc");
  options.uids = {{geteuid()}};
  return look(options);
}

// A built host of processes with environments.
struct Host {
  // An empty text is a FIFO, whose open blocks, as a stall does.
  FakeProcess add(pid_t pid, const std::string& text, uid_t uid = fixture_uid()) const {
    FakeProcess fake;
    fake.pid = pid;
    fake.exe = "/usr/bin/sleep";
    fake.uid = uid;
    fixture.add(fake);
    const std::string path = fixture.path(pid, "environ");
    if (text.empty()) CHECK(mkfifo(path.c_str(), 0600) == 0);
    if (!text.empty()) write_file(path, text);
    return fake;
  }

  ProcFixture fixture;
  SnapshotOptions options = options_for(fixture.root());
};

bool is_root() {
  if (geteuid() == 0) return true;
  skip("only root can build processes of two users");
  return false;
}

void reads_real_processes() {
  const Child job(sleep_with({"PATH=/bin", "SLURM_JOB_ID=7", "SECRET=x"})),
      plain(sleep_with({"A=PBS_JOBID=1"})), none(sleep_with({}));
  const Snapshot found = look_at_own();
  CHECK(at(found, job.pid()).variables == Names({"SLURM_JOB_ID"}));
  CHECK(at(found, plain.pid()).variables == Names() && at(found, none.pid()).variables == Names());
  CHECK(at(found, none.pid()).variables_asked);
}

// Of no process whose command line is not read, and of none where no variable is asked for.
void asks_only_what_it_must() {
  Host host;
  host.add(10, "");
  host.options.variables.clear();
  CHECK(!at(look(host.options), 10).variables_asked);
  host.options.variables = kNames;
  host.options.exe_markers = {"/other"};
  host.options.sshd_names = {"sleep"};
  const Snapshot found = look(host.options);
  CHECK(!at(found, 10).variables_asked && found.faults.empty());
}

// The pid changes hands just before its environment is read.
void a_recycled_pid_speaks_for_nobody() {
  Host host;
  FakeProcess job = host.add(10, "");
  const pid_t writer = fork();
  if (writer == 0) {
    const int fifo = open(host.fixture.path(10, "environ").c_str(), O_WRONLY | O_CLOEXEC);
    job.start_time += 1;
    write_file(host.fixture.path(10, "stat"), stat_line(job));
    _exit(write(fifo, "A=1", 4) == 4 ? 0 : 1);
  }
  host.options.timeout_ms = 5000;
  const Snapshot found = look(host.options);
  waitpid(writer, nullptr, 0);
  CHECK(found.processes.empty() && found.counts.gone == 1 && found.faults.empty());
}

void what_cannot_be_read_is_a_fault() {
  const Host host;
  host.add(10, "PBS_JOBID=1" + kEnd);
  host.add(11, std::string(9 * 1024 * 1024, 'x') + kEnd + "PBS_JOBID=1" + kEnd);
  host.add(12, "");
  host.add(13, "A=1" + kEnd);
  const std::string exact = "PBS_JOBID=1" + kEnd;  // of the most bytes that are read
  host.add(14, exact + std::string((8 << 20) - exact.size(), 'x'));
  // Guard: a link is never followed.
  std::filesystem::remove(host.fixture.path(13, "environ"));
  std::filesystem::create_symlink("../10/environ", host.fixture.path(13, "environ"));
  const Snapshot found = look(host.options);
  for (const pid_t pid : {10, 14}) CHECK(at(found, pid).variables == Names({"PBS_JOBID"}));
  for (const pid_t pid : {11, 12, 13}) CHECK(at(found, pid).variables_asked && !at(found, pid).variables);
  CHECK(found.faults.size() == 3 && found.counts.timed_out == 1 && has_no_child());
  const std::map<pid_t, const char*> details = {
      {11, "Argument list too long"}, {12, "no answer in time"}, {13, "Too many levels of symbolic links"}};
  for (const Fault& fault : found.faults)
    CHECK(fault.what == "read the environment" && fault.detail == details.at(fault.pid));
}

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
  add(44, 40, "/bin/sh", "beside");
  add(50, 1, "/usr/bin/node", "/server/main.js");
  add(51, 1, "/usr/bin/node", "/work/main.js");
  const Snapshot found = look(host.options);
  for (const pid_t pid : {40, 41, 50}) CHECK(at(found, pid).variables == Names({"SLURM_JOB_ID"}));
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

bool holds_value(const std::string& bytes) {
  for (std::size_t at = 0; at + kValue <= bytes.size(); ++at) {
    std::size_t same = 0;
    while (same < kValue && bytes[at + same] == value_at(same)) ++same;
    if (same == kValue) return true;
  }
  return false;
}

[[maybe_unused]] bool value_is_in_memory() {
  std::ifstream maps("/proc/self/maps");
  std::ifstream memory("/proc/self/mem", std::ios::binary);
  bool found = false;
  for (std::string line; std::getline(maps, line);) {
    unsigned long from = 0, to = 0;
    char mode[5] = "";
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, mode) != 3 || mode[1] != 'w') continue;
    std::string bytes(to - from, '\0');
    memory.clear();
    memory.seekg(static_cast<std::streamoff>(from));
    memory.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    found = found || holds_value(bytes);
    explicit_bzero(bytes.data(), bytes.size());
  }
  return found;
}

void values_never_leave_the_helper() {
#ifndef __SANITIZE_ADDRESS__  // its shadow is terabytes of mappings
  const Child job(sleep_with({"SLURM_JOB_ID="}, true));
  CHECK(at(look_at_own(), job.pid()).variables == Names({"SLURM_JOB_ID"}));
  CHECK(!value_is_in_memory());
  // It is there, and would be found.
  std::ifstream file("/proc/" + std::to_string(job.pid()) + "/environ");
  std::string read_here;
  std::getline(file, read_here);
  CHECK(holds_value(read_here) && value_is_in_memory());
#endif
}

}  // namespace

int main() {
  finds_whole_names_and_nothing_else();
  reads_real_processes();
  asks_only_what_it_must();
  a_recycled_pid_speaks_for_nobody();
  a_stalled_process_is_not_asked_again();
  what_cannot_be_read_is_a_fault();
  one_user_cannot_spend_the_time_of_others();
  bytes_are_charged_to_the_user();
  asks_only_what_may_lead_a_tree();
  the_real_uid_pays();
  values_never_leave_the_helper();
  return report("environ");
}
