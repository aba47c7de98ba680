// Reads one file of many processes' memory within deadlines, in a child process that can be killed
// (killable/helper.h says why), and counts the time and bytes that each user takes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/base/owners.h"
#include "core/base/result.h"
#include "core/killable/helper.h"

namespace reaper {

struct MemoryRequest {
  std::string path;  // below the proc root: "PID/cmdline"
  uid_t uid;
};

// Keeps its accounts over several passes: what is left of the time, of each user's budgets, and which files
// stalled.
class MemoryReader {
 public:
  // Receives the answer to a request by its place: 0 or an errno, and the bytes, which live for this call.
  // EDQUOT: the user's budget is used up.
  using OnAnswer = std::function<void(std::size_t index, int error, std::string_view text)>;

  // proc_fd: an open proc root. timeout_ms bounds one file, budget_ms all of them.
  MemoryReader(MemoryFile file, int proc_fd, int timeout_ms, int budget_ms, Owners owners = {});

  // Reads users in turns. A request that gets no answer in time has none here. Blocks for no longer than the
  // budget plus one timeout. A fork that fails is a fault, and EIO for its processes.
  void read(const std::vector<MemoryRequest>& requests, const OnAnswer& on_answer,
            std::vector<Fault>* faults);

 private:
  struct Batch;
  enum class End { kHelperEnded, kAllRead, kStalled, kTimeSpent };

  void serve(Batch& batch);
  void fill(Batch& batch, std::uint32_t count) const;
  End watch(const Batch& batch, std::uint32_t count, int ended_fd);
  std::uint32_t deliver(Batch& batch, std::uint32_t count);
  bool has_stalled_often(uid_t account);
  bool is_hopeless(const MemoryRequest& request);

  MemoryFile file_;
  int proc_fd_;
  int timeout_ms_;
  std::int64_t budget_ms_;
  Owners owners_;
  std::unordered_map<uid_t, std::int64_t> waited_ms_;
  std::unordered_map<uid_t, std::uint64_t> left_;
  std::unordered_set<std::string> stalled_;
};

}  // namespace reaper
