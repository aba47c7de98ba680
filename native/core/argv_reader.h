// Reads command lines in a helper process that can be killed: /proc/PID/cmdline takes the target's mmap lock,
// so a hostile or stuck process can hold its reader for ever (seen with FUSE, NFS and tape file systems).
// SIGKILL ends such a reader; a thread could not be ended.
#pragma once

#include <sys/types.h>

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/snapshot.h"

namespace reaper {

struct ArgvRequest {
  pid_t pid;
  uid_t uid;
};

struct ArgvResult {
  ArgvStatus status = ArgvStatus::kTimeout;
  std::vector<std::string> argv;  // kRead only
  bool truncated = false;         // longer than kArgvBytes or kArgvElements; a cut last element is dropped
};

inline constexpr std::size_t kArgvBytes = std::size_t{32} * 1024;
inline constexpr std::size_t kArgvElements = 1024;  // a line of NULs must not become 32,768 strings

// Keeps its accounts over several passes: what is left of the budget, who stalled, and whose processes did.
class ArgvReader {
 public:
  // proc_fd: an open proc root. timeout_ms bounds one command line, budget_ms all of them.
  ArgvReader(int proc_fd, int timeout_ms, int budget_ms);

  // One result for each request, in order; never blocks for longer than the budget plus one timeout. A fork
  // that fails is a fault and leaves its processes kDenied.
  std::vector<ArgvResult> read(const std::vector<ArgvRequest>& requests, std::vector<Fault>* faults);

 private:
  struct Batch;
  void serve(Batch& batch);
  bool exhausted(uid_t uid) const;

  int proc_fd_;
  int timeout_ms_;
  std::int64_t budget_ms_;
  std::unordered_map<uid_t, std::int64_t> waited_ms_;
  std::unordered_set<pid_t> stalled_;
};

}  // namespace reaper
