// Reads one file of many processes' memory within deadlines, in a helper process that can be killed
// (core/memory_helper.h says why), and keeps each user's account of the time that was spent waiting for them.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/base/fault.h"
#include "core/killable/helper.h"

namespace reaper {

struct MemoryRequest {
  pid_t pid;
  uid_t uid;
};

// Keeps its accounts over several passes: what is left of the budget, who stalled, and whose processes did.
class MemoryReader {
 public:
  // Takes the answer to a request by its place: 0 or an errno, and the bytes, which live for this call.
  using Take = std::function<void(std::size_t index, int error, std::string_view text)>;

  // proc_fd: an open proc root. timeout_ms bounds one file, budget_ms all of them.
  MemoryReader(MemoryFile file, int proc_fd, int timeout_ms, int budget_ms);

  // What is not taken had no answer in time; never blocks for longer than the budget plus one timeout. A fork
  // that fails is a fault, and EIO for its processes. `meanwhile` is called once, beside the first helper
  // where there is one; its time is on nobody's account.
  void read(const std::vector<MemoryRequest>& requests, const Take& take, std::vector<Fault>* faults,
            std::function<void()> meanwhile = nullptr);

 private:
  struct Batch;
  void serve_all(Batch& batch);
  void serve(Batch& batch);
  bool exhausted(uid_t uid) const;

  MemoryFile file_;
  int proc_fd_;
  int timeout_ms_;
  std::int64_t budget_ms_;
  std::unordered_map<uid_t, std::int64_t> waited_ms_;
  std::unordered_set<pid_t> stalled_;
};

}  // namespace reaper
