// Reads command lines, which may hang (killable/reader.h).
#pragma once

#include <cerrno>
#include <string>
#include <vector>

#include "core/killable/reader.h"
#include "core/proc/process.h"

namespace reaper {

struct ArgvRequest {
  pid_t pid;
  uid_t account;
};

struct ArgvResult {
  ArgvStatus status = ArgvStatus::kTimeout;
  int error = ETIMEDOUT;          // EDQUOT: the user's command lines exceed kArgvUserBudget
  std::vector<std::string> argv;  // kRead only
  bool truncated = false;         // longer than kArgvBytes or kArgvElements; a cut last element is dropped
};

inline constexpr std::size_t kArgvBytes = std::size_t{32} * 1024;
inline constexpr std::size_t kArgvElements = 1024;  // a line of NULs must not become 32,768 strings
// Guard: 1,500 processes with 32 KiB each would take the sweep's memory. One user's command lines may have so
// many bytes, in which an argument counts kArgvElementBytes besides its text.
inline constexpr std::uint64_t kArgvUserBudget = std::uint64_t{8} * 1024 * 1024;
inline constexpr std::uint64_t kArgvElementBytes = 64;

extern const MemoryFile kCmdline;

// Reads command lines with a MemoryReader of kCmdline. Returns one result for each request, in order. A fork
// that fails is a fault and leaves its processes kDenied.
std::vector<ArgvResult> read_argv(MemoryReader& reader, const std::vector<ArgvRequest>& requests,
                                  std::vector<Fault>* faults);

}  // namespace reaper
