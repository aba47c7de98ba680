// What is asked of a process's memory: names in its environment, and its share of the memory in use.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/base/fault.h"
#include "core/base/result.h"
#include "core/proc/process_id.h"

namespace reaper {

struct MemorySubject {
  ProcId id;
  std::optional<uid_t> uid;  // whose time account a stall is booked on; nullopt: the owner of /proc/PID
};

struct MemoryOptions {
  std::string proc_root = "/proc";
  std::vector<MemorySubject> processes;
  int timeout_ms = 200;
  int budget_ms = 5000;
};

// One answer for each process asked about, in order. nullopt: could not be read (gone, refused, no answer in
// time, not in the kernel's form) or the pid is another process's by now. All but "gone" is a fault as well.
template <typename T>
struct MemoryFacts {
  struct Item {
    ProcId id;
    std::optional<T> fact;
  };
  std::vector<Item> results;
  std::vector<Fault> faults;
};

// Which of `names` are variables of the process's environment, as it was at its exec (proc_pid_environ(5)).
// Values stay in the helper process. An environment beyond 8 MiB (execve(2) allows 6) was made up and is
// nullopt. Fails with EINVAL for names that no environment could hold, or more than kEnvironNames.
Result<MemoryFacts<std::vector<std::string>>> find_environ_names(const MemoryOptions& options,
                                                                 const std::vector<std::string>& names);

// The proportional set size in KiB: pages that several processes share are divided among them. Linux 4.14.
Result<MemoryFacts<std::int64_t>> read_pss(const MemoryOptions& options);

}  // namespace reaper
