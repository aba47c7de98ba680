// Asks which variables the environments of processes have. Values stay in the helper process.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/base/fault.h"
#include "core/base/owners.h"
#include "core/base/result.h"
#include "core/proc/process_id.h"

namespace reaper {

struct EnvironSubject {
  ProcId id;
  std::optional<uid_t> uid;  // the user to whom time and bytes are charged; nullopt: the owner of /proc/PID
};

struct EnvironOptions {
  std::string proc_root = "/proc";
  std::vector<EnvironSubject> processes;
  std::vector<std::string> names;
  Owners owners;
  int timeout_ms = 200;
  int budget_ms = 5000;
};

// One answer for each process asked about, in order. nullopt: could not be read (gone, refused, no answer in
// time, over the user's budget), or the pid is another process's by now. All but "gone" is a fault as well.
struct EnvironNames {
  struct Item {
    ProcId id;
    std::optional<std::vector<std::string>> names;
  };
  std::vector<Item> results;
  std::vector<Fault> faults;
};

// Finds which of the names are variables of each process's environment, as it was at its exec
// (proc_pid_environ(5)). An environment beyond 8 MiB (execve(2) allows 6) was made up and is nullopt. Fails
// with EINVAL for names that no environment could hold, or more than kEnvironNames.
Result<EnvironNames> find_environ_names(const EnvironOptions& options);

}  // namespace reaper
