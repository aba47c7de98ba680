// Describes something that could not be read, for a person: it is reported and never taken for "nothing
// there".
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace reaper {

struct Fault {
  std::string what;  // what could not be done: "read the command line"
  pid_t pid = 0;     // 0: not about one process
  std::string detail;
  std::optional<uid_t> uid = std::nullopt;  // the user whose doing it is; nullopt: not one user's
};

}  // namespace reaper
