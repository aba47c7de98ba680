// Asks which variables the environments of processes have. Values stay in the helper process.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/owners.h"
#include "core/base/result.h"
#include "core/proc/process.h"

namespace reaper {

struct EnvironSubject {
  ProcId id;
  uid_t uid;  // the user to whom time and bytes are charged
};

struct EnvironOptions {
  std::string proc_root = "/proc";
  std::vector<EnvironSubject> processes;
  std::vector<std::string> names;
  Owners owners;
  int timeout_ms = 200;
  int budget_ms = 5000;
};

// One answer for each process, in order. nullopt: it could not be read, which is a fault unless it is gone.
struct EnvironNames {
  std::vector<std::optional<std::vector<std::string>>> results;
  std::vector<Fault> faults;
};

// Finds the names that an environment has: met[i] is '1' for the name i, else '0'. `text` is that of
// /proc/PID/environ (environ(7): NAME=value, each ended by NUL), hostile input. An element without "=" is not
// a variable; one that the end cuts is, once its "=" was there. Async-signal-safe.
void match_environ(std::string_view text, const std::vector<std::string>& names, char* met);

// The names that the helper's answer says were met; nullopt: it is malformed.
std::optional<std::vector<std::string>> names_met(std::string_view met,
                                                  const std::vector<std::string>& names);

// Finds which of the names are variables of each process's environment, as it was at its exec
// (proc_pid_environ(5)). An environment beyond 8 MiB (execve(2) allows 6) was made up and is nullopt. Fails
// with EINVAL for names that no environment could hold.
Result<EnvironNames> find_environ_names(const EnvironOptions& options);

}  // namespace reaper
