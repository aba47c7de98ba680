// The first, cheap pass over every process of the host: its owner and the path of its executable.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/proc/proc_dir.h"
#include "core/snapshot/report.h"
#include "core/snapshot/snapshot.h"

namespace reaper {

// What an executable's path tells. An interpreter may be a suspect by its command line.
struct ExeKind {
  bool sshd = false, suspect = false, interpreter = false, wide_interpreter = false;
};

struct ScanEntry : ExeKind {
  pid_t pid = 0;
  uid_t uid = 0;
  bool has_exe = false;  // false: a kernel thread, a zombie, or hidden
  bool hidden = false;   // the executable could not be read although this program should be able to
};

// Returns one entry for each process that still exists. `pids` is sorted, and so are the entries.
std::vector<ScanEntry> scan_all(ProcDir& proc, const SnapshotOptions& options, const std::vector<pid_t>& pids,
                                SnapshotReport& report);

bool contains_any(std::string_view text, const std::vector<std::string>& markers);

}  // namespace reaper
