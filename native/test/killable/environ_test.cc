// Which variables the environments of processes have.
#include "core/killable/environ.h"

#include <map>

#include "test/killable/environments.h"
#include "test/killable/helpers.h"

using namespace reaper;

namespace {

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

Snapshot look_at_own() {
  SnapshotOptions options = options_for("/proc");
  options.uids = {{geteuid()}};
  return look(options);
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
  CHECK(found.faults.size() == 3 && found.counts.timed_out == 1 && collects_helpers());
  const std::map<pid_t, const char*> details = {
      {11, "Argument list too long"}, {12, "no answer in time"}, {13, "Too many levels of symbolic links"}};
  for (const Fault& fault : found.faults)
    CHECK(fault.what == "read the environment" && fault.detail == details.at(fault.pid));
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
  what_cannot_be_read_is_a_fault();
  values_never_leave_the_helper();
  return report("environ");
}
