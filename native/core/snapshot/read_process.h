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

  // Reads /proc/PID/stat alone. 0, an errno, or EBADMSG for a text that is malformed or of another process.
  int read_stat(int folder, pid_t pid, Process& process);

 private:
  void read_links(int folder, Process& process);
  void read_status(int folder, Process& process);
  void read_cgroups(int folder, Process& process);
  void read_audit_id(int folder, const char* file, Process& process, std::optional<std::uint32_t>& field);

  ProcDir& proc_;
  SnapshotReport& report_;
  std::string own_user_ns_, own_pid_ns_;
};

}  // namespace reaper
