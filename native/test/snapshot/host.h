// A built host, and what a snapshot of it holds.
#pragma once

#include <algorithm>
#include <functional>

#include "core/snapshot/snapshot.h"
#include "test/child.h"
#include "test/proc_fixture.h"

namespace reaper {

using Argv = std::vector<std::string>;
using Pids = std::vector<pid_t>;

inline constexpr char kServer[] = "/home/u/.vscode-server/cli/servers/Stable-1/server/node";
inline const Argv kMarked = {"x", "/home/u/.vscode-server/x.py"};

inline SnapshotOptions options_for(const std::string& root) {
  SnapshotOptions options;
  options.proc_root = root;
  options.exe_markers = {"/.vscode-server/"};
  options.interpreters = {"node", "python", "ld-"};
  options.argv_markers = {"/.vscode-server/", "-server"};
  options.sshd_names = {"sshd", "sshd-session"};
  options.timeout_ms = 500;
  return options;
}

// A failure is a failed check and an empty answer.
inline Snapshot checked(Result<Snapshot> result) {
  CHECK(result.ok());
  return result ? result.take() : Snapshot();
}

inline const Process* find(const Snapshot& snapshot, pid_t pid) {
  for (const Process& process : snapshot.processes)
    if (process.pid == pid) return &process;
  return nullptr;
}

// A process that no snapshot holds fails the check, and has no value of any field.
inline const Process& at(const Snapshot& snapshot, pid_t pid) {
  static const Process kNone;
  const Process* found = find(snapshot, pid);
  CHECK(found != nullptr);
  return found == nullptr ? kNone : *found;
}

template <typename List>
Pids pids_of(const List& list) {
  Pids pids;
  for (const auto& each : list) pids.push_back(each.pid);
  std::sort(pids.begin(), pids.end());
  return pids;
}

inline bool has_fault(const Snapshot& snapshot, pid_t pid) {
  const Pids pids = pids_of(snapshot.faults);
  return std::binary_search(pids.begin(), pids.end(), pid);
}

// A built host with init on it.
struct Host {
  Host() {
    add(1, 0, "/usr/lib/systemd/systemd", {"x"}, [](FakeProcess& init) {
      if (geteuid() == 0) init.uid = 0;
    });
  }

  void add(pid_t pid, pid_t ppid, const std::string& exe, const Argv& argv = {"x"},
           const std::function<void(FakeProcess&)>& change = nullptr) const {
    FakeProcess made;
    made.pid = pid;
    made.ppid = ppid;
    made.exe = exe;
    made.argv = argv;
    if (change) change(made);
    proc.add(made);
  }
  void add_of(uid_t uid, pid_t pid, pid_t ppid, const std::string& exe, const Argv& argv = {"x"}) const {
    add(pid, ppid, exe, argv, [uid](FakeProcess& made) { made.uid = uid; });
  }
  Snapshot look() const { return checked(take_snapshot(options)); }

  ProcFixture proc;
  SnapshotOptions options = options_for(proc.root());
};

}  // namespace reaper
