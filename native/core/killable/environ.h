// Asks which variables the environments of processes have. Values stay in the helper process.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/killable/reader.h"

namespace reaper {

// /proc/PID/environ as one '1' or '0' for each of the names, which must outlive it. An environment beyond 8
// MiB (execve(2) allows 6) was made up: E2BIG.
MemoryFile environ_file(const std::vector<std::string>& names);

// Finds the names that an environment has: met[i] is '1' for the name i, else '0'. `text` is that of
// /proc/PID/environ (environ(7): NAME=value, each ended by NUL), hostile input. An element without "=" is not
// a variable; one that the end cuts is, once its "=" was there. Async-signal-safe.
void match_environ(std::string_view text, const std::vector<std::string>& names, char* met);

// The names that the helper's answer says were met; nullopt: it is malformed.
std::optional<std::vector<std::string>> names_met(std::string_view met,
                                                  const std::vector<std::string>& names);

}  // namespace reaper
