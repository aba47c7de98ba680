// Reads everything about one process but its command line.
#pragma once

#include <string>

#include "core/proc/proc_dir.h"
#include "core/proc/process.h"
#include "core/snapshot/report.h"

namespace reaper {

class ProcessReader {
 public:
  ProcessReader(ProcDir& proc, SnapshotReport& report);

  // False: gone, or unreadable, which the report then tells. `owner`: the owner of /proc/PID.
  bool read(pid_t pid, uid_t owner, Process& process);

 private:
  void read_links(int folder, Process& process);

  ProcDir& proc_;
  SnapshotReport& report_;
  std::string own_user_ns_, own_pid_ns_;
};

}  // namespace reaper
