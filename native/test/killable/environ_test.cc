#include "core/killable/environ.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "core/proc/parse.h"
#include "core/proc/proc_dir.h"
#include "test/check.h"
#include "test/proc_fixture.h"

using namespace reaper;

namespace {

const std::vector<std::string> kNames = {"SLURM_JOB_ID", "PBS_JOBID"};
const std::string kEnd(1, '\0');

bool has_no_child() { return waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

ProcId id_of(pid_t pid) {
  auto proc = ProcDir::open("/proc");
  std::string_view text;
  CHECK(proc.value().read_of(pid, "stat", &text) == 0);
  return {pid, parse_stat(text)->start_time};
}

// A child that has executed `sleep` with this environment: "ready" is the end of its pipe, closed by the
// exec. The computed value of values_never_leave_the_helper.
constexpr std::size_t kValue = 40;
char value_at(std::size_t i) { return static_cast<char>('a' + (i * i * 7 + i * 3 + 1) % 26); }

pid_t start_with(std::vector<std::string> environment, bool with_value = false) {
  int gate[2];
  CHECK(pipe2(gate, O_CLOEXEC) == 0);
  const pid_t child = fork();
  if (child == 0) {
    for (std::size_t i = 0; with_value && i < kValue; ++i) environment[0] += value_at(i);
    std::vector<char*> list;
    for (std::string& entry : environment) list.push_back(entry.data());
    list.push_back(nullptr);
    char name[] = "sleep", time[] = "1000";
    char* argv[] = {name, time, nullptr};
    execve("/bin/sleep", argv, list.data());
    _exit(127);
  }
  close(gate[1]);
  char byte;
  CHECK(read(gate[0], &byte, 1) == 0);
  close(gate[0]);
  return child;
}

void end(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

Result<EnvironNames> find_names(EnvironOptions options) {
  options.names = kNames;
  return find_environ_names(options);
}

FakeProcess fake(pid_t pid) {
  FakeProcess process;
  process.pid = pid;
  return process;
}

std::uint64_t start_of(const ProcFixture& fixture, pid_t pid) {
  auto proc = ProcDir::open(fixture.root());
  std::string_view text;
  CHECK(proc.value().read_of(pid, "stat", &text) == 0);
  return parse_stat(text)->start_time;
}

void reads_real_processes() {
  const pid_t job = start_with({"PATH=/bin", "SLURM_JOB_ID=7", "SECRET=x"}),
              plain = start_with({"A=PBS_JOBID=1"});
  const pid_t none = start_with({});
  EnvironOptions options;
  options.processes = {{id_of(job), 1}, {id_of(plain), 1}, {id_of(none), 1}};
  auto found = find_names(options);
  CHECK(found.ok() && found.value().faults.empty());
  CHECK(found.value().results[0] == std::vector<std::string>({"SLURM_JOB_ID"}));
  CHECK(found.value().results[1] && found.value().results[1]->empty());
  CHECK(found.value().results[2] && found.value().results[2]->empty());
  for (const pid_t child : {job, plain, none}) end(child);
  CHECK(has_no_child());
}

// A pid that is now another process's says nothing; one that no process has is not a fault.
void a_recycled_pid_speaks_for_nobody() {
  const pid_t job = start_with({"SLURM_JOB_ID=7"});
  const ProcId id = id_of(job);
  EnvironOptions options;
  options.processes = {{{job, id.start_time - 1}, 1}};
  auto found = find_names(options);
  CHECK(found.ok() && !found.value().results[0] && found.value().faults.empty());
  end(job);
  options.processes = {{id, 1}};
  found = find_names(options);
  CHECK(found.ok() && !found.value().results[0] && found.value().faults.empty());
}

void what_cannot_be_read_is_a_fault() {
  const ProcFixture fixture;
  for (const pid_t pid : {10, 11, 12, 13}) fixture.add(fake(pid));
  write_file(fixture.path(10, "environ"), "PBS_JOBID=1" + kEnd);
  write_file(fixture.path(11, "environ"), std::string(9 * 1024 * 1024, 'x') + kEnd + "PBS_JOBID=1" + kEnd);
  CHECK(mkfifo((fixture.root() + "/12/environ").c_str(), 0600) == 0);  // its open blocks, as a stall does
  // Guard: a link is never followed.
  CHECK(symlink("../10/environ", (fixture.root() + "/13/environ").c_str()) == 0);
  EnvironOptions options;
  options.proc_root = fixture.root();
  options.timeout_ms = 1000;  // a busy machine answers late
  for (const pid_t pid : {12, 10, 11, 13}) options.processes.push_back({{pid, start_of(fixture, pid)}, 1});
  const auto found = find_names(options);
  CHECK(found.ok());
  CHECK(found.value().results[1] == std::vector<std::string>({"PBS_JOBID"}));
  for (const std::size_t i : {0, 2, 3}) CHECK(!found.value().results[i]);
  CHECK(found.value().faults.size() == 3);
  CHECK(found.value().faults[0].pid == 12 && found.value().faults[0].detail == "no answer in time");
  CHECK(found.value().faults[0].what == "read the environment");
  CHECK(has_no_child());
}

void one_user_cannot_spend_the_time_of_others() {
  const ProcFixture fixture;
  EnvironOptions options;
  options.proc_root = fixture.root();
  options.timeout_ms = 1000;
  for (pid_t pid = 10; pid < 30; ++pid) {
    fixture.add(fake(pid));
    CHECK(mkfifo((fixture.root() + "/" + std::to_string(pid) + "/environ").c_str(), 0600) == 0);
    options.processes.push_back({{pid, start_of(fixture, pid)}, 1});
  }
  fixture.add(fake(40));
  write_file(fixture.path(40, "environ"), "SLURM_JOB_ID=1" + kEnd);
  options.processes.push_back({{40, start_of(fixture, 40)}, 2});
  const auto found = find_names(options);
  CHECK(found.ok() && found.value().results[20] && found.value().results[20]->size() == 1);
  for (std::size_t i = 0; i < 20; ++i) CHECK(!found.value().results[i]);
  CHECK(found.value().faults.size() == 20);
}

// Guard: 6,000 forks that share a large environment would take the time of all others.
void bytes_are_charged_to_the_user() {
  const ProcFixture fixture;
  EnvironOptions options;
  options.proc_root = fixture.root();
  options.owners = Owners{{{100000, 65536, 1}}};
  options.timeout_ms = 10000;  // 70 MB are read on a busy machine
  options.budget_ms = 60000;
  fixture.add(fake(10));
  write_file(fixture.path(10, "environ"), std::string(6 << 20, 'x') + kEnd + "PBS_JOBID=1" + kEnd);
  const ProcId id{10, start_of(fixture, 10)};
  for (uid_t i = 0; i < 30; ++i) options.processes.push_back({id, i % 2 == 0 ? 1 : 100000 + i});
  options.processes.push_back({id, 2});
  const auto found = find_names(options);
  CHECK(found.ok() && found.value().results[0] && found.value().results[30]);
  CHECK(!found.value().results[29] && found.value().faults.size() == 19);
  CHECK(found.value().faults[0].detail.find("64 MiB") != std::string::npos);
}

void refuses_names_that_cannot_be() {
  EnvironOptions wrong;
  for (const auto& names : {std::vector<std::string>{"A=B"}, {"A", ""}, {std::string("A\0B", 3)}}) {
    wrong.names = names;
    CHECK(!find_environ_names(wrong).ok());
  }
  wrong.names = {"A"};
  CHECK(find_environ_names(wrong).ok());
  EnvironOptions nowhere;
  nowhere.proc_root = "/nonexistent";
  CHECK(!find_names(nowhere).ok());
}

// Values stay in the helper. The value is computed, so that this process has it nowhere of itself.
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
  const pid_t job = start_with({"SLURM_JOB_ID="}, true);
  EnvironOptions options;
  options.processes = {{id_of(job), 1}};
  CHECK(find_names(options).value().results[0] == std::vector<std::string>({"SLURM_JOB_ID"}));
  CHECK(!value_is_in_memory());
  // It is there, and would be found.
  std::ifstream file("/proc/" + std::to_string(job) + "/environ");
  std::string read_here;
  std::getline(file, read_here);
  CHECK(holds_value(read_here) && value_is_in_memory());
  end(job);
#endif
}

}  // namespace

int main() {
  reads_real_processes();
  a_recycled_pid_speaks_for_nobody();
  what_cannot_be_read_is_a_fault();
  one_user_cannot_spend_the_time_of_others();
  bytes_are_charged_to_the_user();
  refuses_names_that_cannot_be();
  values_never_leave_the_helper();
  return report("environ");
}
