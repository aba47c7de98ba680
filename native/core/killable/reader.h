// Reads one file of many processes' memory (/proc/PID/cmdline, environ) within deadlines, and counts the time
// and bytes that each user takes. These reads take the target's mmap lock, so a hostile or stuck process can
// hold its reader for ever (seen with FUSE, NFS and tape file systems). So a child process reads, the helper:
// SIGKILL ends it, and nothing ends a thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/base/result.h"

namespace reaper {

struct HelperAnswer {
  std::uint32_t length = 0;  // bytes of the answer
  std::uint64_t cost = 0;    // what is charged to the process's user
};

// A kind of file below a proc root and how it is read.
struct MemoryFile {
  const char* fault;          // what could not be done, for people: "read command lines"
  std::size_t most;           // the most bytes an answer has
  std::uint64_t user_budget;  // the most cost for one user; the rest of their processes is not read
  // Runs in the helper, in the proc root: async-signal-safe calls only. Writes the answer to `to`; 0 or an
  // errno.
  int (*read)(const char* path, const MemoryFile& file, char* to, HelperAnswer* answer);
  const void* query = nullptr;  // for `read`; must outlive the reading
};

// Reads a file in pieces of that size, in the helper: to its end, or until `to` is full. Less than a
// piece is the end, for the kernel fills it as far as it has something (get_mm_cmdline, environ_read), and to
// ask again would cost a sixth of the time. 0 or an errno.
int read_in_helper(const char* path, std::size_t piece, char* to, std::size_t room, std::size_t* size);

struct MemoryRequest {
  std::string path;  // below the proc root: "PID/cmdline"
  uid_t account;     // whom it is charged to (base/owners.h)
};

// What a helper shares with its parent. It fills slots in order and counts them in `done`; the bytes go one
// after the other into `bytes`. A full arena ends the helper, and a new one goes on.
struct MemorySlot {
  int error;
  std::uint32_t offset, length;
  std::uint64_t cost;
};
inline constexpr std::size_t kMemorySlots = 16384;
inline constexpr std::size_t kMemoryBytes = std::size_t{4} * 1024 * 1024;
struct MemoryArena {
  std::atomic<std::uint32_t> done;
  MemorySlot slots[kMemorySlots];
  char bytes[kMemoryBytes];
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free, "shared between processes");

// Keeps its accounts over several passes: what is left of the time, of each user's budgets, and which files
// stalled.
class MemoryReader {
 public:
  // Receives the answer to a request by its place: 0 or an errno, and the bytes, which live for this call.
  // EDQUOT: the user's budget is used up.
  using OnAnswer = std::function<void(std::size_t index, int error, std::string_view text)>;

  // proc_fd: an open proc root. timeout_ms bounds one file, budget_ms all of them.
  MemoryReader(MemoryFile file, int proc_fd, int timeout_ms, int budget_ms);

  // Reads users in turns. A request that gets no answer in time has none here. Time in which the host has no
  // processor for the helper does not count; in all its helpers get ten times the budget. A fork that fails
  // is a fault, and EIO for its processes.
  void read(const std::vector<MemoryRequest>& requests, const OnAnswer& on_answer,
            std::vector<Fault>* faults);

 private:
  enum class End { kHelperEnded, kAllRead, kStalled, kTimeSpent };
  struct Waiting;
  struct Account {
    std::uint64_t left;  // of the user's budget
    std::int64_t waited_ms = 0;
  };

  std::optional<Failure> serve(std::vector<Waiting>& waiting, MemoryArena& arena, const OnAnswer& on_answer);
  void fill(const Waiting* waiting, std::uint32_t count, MemoryArena& arena) const;
  End watch(const Waiting* waiting, std::uint32_t count, const MemoryArena& arena, int ended_fd, pid_t helper,
            std::int64_t* spent) const;
  bool is_hopeless(const Waiting& one) const;

  MemoryFile file_;
  int proc_fd_;
  int timeout_ms_;
  std::int64_t budget_ms_;
  std::int64_t loaded_ms_;  // the same with the time in which the helpers had no processor
  std::unordered_map<uid_t, Account> accounts_;
  std::unordered_set<std::string> stalled_;
};

}  // namespace reaper
