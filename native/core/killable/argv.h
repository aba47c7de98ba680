// Command lines of processes, read within deadlines in a helper that can be killed (core/memory_helper.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/killable/reader.h"
#include "core/proc/process.h"

namespace reaper {

using ArgvRequest = MemoryRequest;

struct ArgvResult {
  ArgvStatus status = ArgvStatus::kTimeout;
  std::vector<std::string> argv;  // kRead only
  bool truncated = false;         // longer than kArgvBytes or kArgvElements; a cut last element is dropped
};

inline constexpr std::size_t kArgvBytes = std::size_t{32} * 1024;
inline constexpr std::size_t kArgvElements = 1024;  // a line of NULs must not become 32,768 strings

// Keeps its accounts over several passes, as MemoryReader does.
class ArgvReader {
 public:
  // proc_fd: an open proc root. timeout_ms bounds one command line, budget_ms all of them.
  ArgvReader(int proc_fd, int timeout_ms, int budget_ms);

  // One result for each request, in order; never blocks for longer than the budget plus one timeout. A fork
  // that fails is a fault and leaves its processes kDenied. `meanwhile` as MemoryReader::read has it.
  std::vector<ArgvResult> read(const std::vector<ArgvRequest>& requests, std::vector<Fault>* faults,
                               std::function<void()> meanwhile = nullptr);

 private:
  MemoryReader reader_;
};

}  // namespace reaper
