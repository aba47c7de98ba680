// The process that reads files of other processes' memory (/proc/PID/cmdline, environ, smaps_rollup): these
// take the target's mmap lock, so a hostile or stuck process can hold its reader for ever (seen with FUSE,
// NFS and tape file systems). SIGKILL ends such a reader; a thread could not be ended.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace reaper {

// A file below /proc/PID and how it is read.
struct MemoryFile {
  const char* name;
  std::size_t most;  // the most bytes an answer has
  // Runs in the helper: async-signal-safe calls only. Writes the answer to `to`; 0 or an errno.
  int (*read)(int fd, const MemoryFile& file, char* to, std::uint32_t* length);
  const void* given = nullptr;  // for `read`; must outlive the reading
  const char* fault;            // what could not be done, for people: "read command lines"
};

// The file's own bytes, `most` of them: the plainest `read`.
int read_bytes(int fd, const MemoryFile& file, char* to, std::uint32_t* length);

// What the helper and its parent share. The helper fills slots in order and counts them in `done`; the bytes
// go one after the other into `bytes`. A full arena ends the helper, and a new one goes on.
struct MemorySlot {
  int error;
  std::uint32_t offset, length;
};
inline constexpr std::size_t kMemorySlots = 16384;
inline constexpr std::size_t kMemoryBytes = std::size_t{4} * 1024 * 1024;
struct MemoryArena {
  std::atomic<std::uint32_t> done;
  pid_t pids[kMemorySlots];
  MemorySlot slots[kMemorySlots];
  char bytes[kMemoryBytes];

  // The helper is not trusted: its slot is checked before its bytes are touched. An unsound one is EIO.
  int answer(std::uint32_t i, std::string_view* text) const;
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free, "shared between processes");

// Memory that a forked child shares; `get()` is null when there is none (errno says why).
class SharedArena {
 public:
  SharedArena();
  ~SharedArena();
  SharedArena(const SharedArena&) = delete;
  SharedArena& operator=(const SharedArena&) = delete;
  MemoryArena* get() const { return arena_; }

 private:
  MemoryArena* arena_ = nullptr;
};

// Forks a helper that reads `file` of the arena's first `count` pids; it holds alive_fd until it ends, and
// nothing else of the host's. Its pid, or -1 and errno.
pid_t start_memory_helper(int proc_fd, int alive_fd, const MemoryFile& file, MemoryArena* arena,
                          std::uint32_t count);

// Ends and collects a helper. One blocked in the kernel dies when its read ends; collected by later calls.
void end_memory_helper(pid_t helper);
void collect_memory_helpers();

}  // namespace reaper
