// puppet: a stand-in that looks to the kernel exactly as an IDE server process does. A "stage" builds whole
// trees of them from a plan; test/helpers/puppet.ts drives it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace reaper::puppet {

// One line of a plan: depth, uid or "-", behaviours or "-", executable, argv elements; separated by tabs.
// Behaviours and argv keep their escapes (\t \n \\ \xHH, and \p for the parent's pid) until they are used.
struct Node {
  int depth = 0;
  int parent = -1;
  long uid = -1;
  std::string behaviours;
  std::string exe;
  std::vector<std::string> argv;
};

struct Stage {
  std::vector<Node> nodes;
  std::string run;  // folder shared by the nodes of one stage: plan, ports, stdin that never ends, stop mark
  int report_fd = -1;
};

inline constexpr int kReportFd = 3;        // where a puppet finds the report pipe after its exec
inline constexpr int kPatienceMs = 15000;  // bound of every wait for another process

// Undoes the escapes; `parent` is what \p stands for. An unknown escape is kept as written.
std::string unescape(std::string_view text, pid_t parent);
std::vector<std::string> split(std::string_view text, char separator);
// False with the reason when a line is not a node.
bool parse_plan(std::string_view text, std::vector<Node>* nodes, std::string* error);
// True when `list` names the behaviour; its value (after "=", escapes undone) goes to `value` if that is
// given.
bool has(std::string_view list, std::string_view name, std::string* value = nullptr);
// -1 when the value is not a plain decimal number.
long number(const std::string& value);

// Writes one line to the report pipe in one atomic write (pipe(7): up to PIPE_BUF bytes).
__attribute__((format(printf, 2, 3))) void report(int fd, const char* format, ...);
void pause_ms(int ms);
// Whole content of a small file; empty when it cannot be read.
std::string read_text(const std::string& path);

// Field 3 (state) and field 22 (start time) of proc_pid_stat(5); the name may hold any byte, hence the last
// ")".
bool read_stat(pid_t pid, char* state, std::string* start);
// True when the process executes this very file.
bool runs(pid_t pid, const std::string& exe);
// SIGKILL, never to a recycled pid: the start time is compared after a pidfd pins the process. True when it
// is gone.
bool end_process(pid_t pid, const std::string& start);

// Forks the node and all below it; each is forked by its real parent before that one execs. The pid, or -1.
pid_t start_node(const Stage& stage, size_t index);
// Turns the calling process into the node: forks its children, drops to its uid, execs.
[[noreturn]] void become_node(const Stage& stage, size_t index);

int run_stage(int argc, char** argv);       // puppet --stage
int run_host(int argc, char** argv);        // puppet --host
int run_init(int argc, char** argv);        // puppet --init COMMAND...
int run_behaviours(int argc, char** argv);  // after an exec with PUPPET_BEHAVIOUR
int run_launched(int argc, char** argv);    // started by a launcher script with PUPPET_LAUNCH

}  // namespace reaper::puppet
