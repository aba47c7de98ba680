#include "core/killable/environ.h"

#include <string>

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

EnvironNames found_of(const std::vector<EnvironSubject>& processes) {
  EnvironOptions options;
  options.names = kNames;
  options.processes = processes;
  auto found = find_environ_names(options);
  CHECK(found.ok());
  return found ? found.take() : EnvironNames{{processes.size(), std::nullopt}, {}};
}

// A built host of processes with environments.
struct Host {
  Host() {
    options.proc_root = fixture.root();
    options.names = kNames;
    options.timeout_ms = 1000;  // a busy machine answers late
  }
  // An empty path is a FIFO, whose open blocks, as a stall does.
  void add(pid_t pid, uid_t uid, const std::string& text, bool blocks = false) {
    FakeProcess fake;
    fake.pid = pid;
    fixture.add(fake);
    const std::string path = fixture.path(pid, "environ");
    if (blocks) CHECK(mkfifo(path.c_str(), 0600) == 0);
    if (!blocks) write_file(path, text);
    options.processes.push_back({{pid, fake.start_time}, uid});
  }
  EnvironNames find() const {
    auto found = find_environ_names(options);
    CHECK(found.ok());
    return found.take();
  }

  ProcFixture fixture;
  EnvironOptions options;
};

void reads_real_processes() {
  const Child job(sleep_with({"PATH=/bin", "SLURM_JOB_ID=7", "SECRET=x"})),
      plain(sleep_with({"A=PBS_JOBID=1"})), none(sleep_with({}));
  const auto found = found_of({{id_of(job.pid()), 1}, {id_of(plain.pid()), 1}, {id_of(none.pid()), 1}});
  CHECK(found.faults.empty());
  CHECK(found.results[0] == Names({"SLURM_JOB_ID"}) && found.results[1] == Names() &&
        found.results[2] == Names());
}

// A pid that is now another process's says nothing; one that no process has is not a fault.
void a_recycled_pid_speaks_for_nobody() {
  Child job(sleep_with({"SLURM_JOB_ID=7"}));
  const ProcId id = id_of(job.pid());
  const ProcId earlier = {id.pid, id.start_time - 1};
  for (const ProcId& each : {earlier, id}) {
    if (each.start_time == id.start_time) job.end();
    const auto found = found_of({{each, 1}});
    CHECK(!found.results[0] && found.faults.empty());
  }
  CHECK(has_no_child());
}

void what_cannot_be_read_is_a_fault() {
  Host host;
  host.add(12, 1, "", true);
  host.add(10, 1, "PBS_JOBID=1" + kEnd);
  host.add(11, 1, std::string(9 * 1024 * 1024, 'x') + kEnd + "PBS_JOBID=1" + kEnd);
  host.add(13, 1, "");
  // Guard: a link is never followed.
  std::filesystem::remove(host.fixture.path(13, "environ"));
  std::filesystem::create_symlink("../10/environ", host.fixture.path(13, "environ"));
  const auto found = host.find();
  CHECK(found.results[1] == Names({"PBS_JOBID"}));
  for (const std::size_t i : {0, 2, 3}) CHECK(!found.results[i]);
  CHECK(found.faults.size() == 3);
  CHECK(found.faults[0].pid == 12 && found.faults[0].detail == "no answer in time");
  CHECK(found.faults[0].what == "read the environment" && has_no_child());
}

void one_user_cannot_spend_the_time_of_others() {
  Host host;
  for (pid_t pid = 10; pid < 30; ++pid) host.add(pid, 1, "", true);
  host.add(40, 2, "SLURM_JOB_ID=1" + kEnd);
  const auto found = host.find();
  CHECK(found.results[20] && found.results[20]->size() == 1);
  for (std::size_t i = 0; i < 20; ++i) CHECK(!found.results[i]);
  CHECK(found.faults.size() == 20);
}

// Guard: 6,000 forks that share a large environment would take the time of all others.
void bytes_are_charged_to_the_user() {
  Host host;
  host.options.owners = Owners{{{100000, 65536, 1}}};
  host.options.timeout_ms = 10000;  // 70 MB are read on a busy machine
  host.options.budget_ms = 60000;
  host.add(10, 1, std::string(6 << 20, 'x') + kEnd + "PBS_JOBID=1" + kEnd);
  const ProcId id = host.options.processes[0].id;
  for (uid_t i = 1; i < 30; ++i) host.options.processes.push_back({id, i % 2 == 0 ? 1 : 100000 + i});
  host.options.processes.push_back({id, 2});
  const auto found = host.find();
  CHECK(found.results[0] && found.results[30] && !found.results[29] && found.faults.size() == 19);
  CHECK(found.faults[0].detail.find("64 MiB") != std::string::npos);
}

void refuses_names_that_cannot_be() {
  EnvironOptions options;
  for (const auto& names : {Names{"A=B"}, {"A", ""}, {std::string("A\0B", 3)}}) {
    options.names = names;
    CHECK(!find_environ_names(options).ok());
  }
  options.names = {"A"};
  CHECK(find_environ_names(options).ok());
  options.proc_root = "/nonexistent";
  CHECK(!find_environ_names(options).ok());
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
  CHECK(found_of({{id_of(job.pid()), 1}}).results[0] == Names({"SLURM_JOB_ID"}));
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
  a_recycled_pid_speaks_for_nobody();
  what_cannot_be_read_is_a_fault();
  one_user_cannot_spend_the_time_of_others();
  bytes_are_charged_to_the_user();
  refuses_names_that_cannot_be();
  values_never_leave_the_helper();
  return report("environ");
}
