// A built host of processes with environments, and what a snapshot of it holds.
#pragma once

#include "core/snapshot/snapshot.h"
#include "test/child.h"
#include "test/proc_fixture.h"

namespace reaper {

using Names = std::vector<std::string>;

inline const Names kNames = {"SLURM_JOB_ID", "PBS_JOBID"};
inline const std::string kEnd(1, '\0');

inline SnapshotOptions options_for(const std::string& proc_root) {
  SnapshotOptions options;
  options.proc_root = proc_root;
  options.exe_markers = {"/sleep"};
  options.variables = kNames;
  options.timeout_ms = 1000;  // a busy machine answers late
  return options;
}

inline Snapshot look(const SnapshotOptions& options) {
  auto found = take_snapshot(options);
  CHECK(found.ok());
  return found ? found.take() : Snapshot();
}

// A process that no snapshot holds fails the check, and was not asked.
inline const Process& at(const Snapshot& snapshot, pid_t pid) {
  static const Process kNone;
  for (const Process& process : snapshot.processes)
    if (process.pid == pid) return process;
  CHECK(false);
  return kNone;
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

}  // namespace reaper
