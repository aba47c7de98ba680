// Reads files of other processes' memory (/proc/PID/cmdline, environ) in a child process. These reads take
// the target's mmap lock, so a hostile or stuck process can hold its reader for ever (seen with FUSE, NFS and
// tape file systems). SIGKILL ends such a reader; nothing ends a thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

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

// What the helper and its parent share. The helper fills slots in order and counts them in `done`; the bytes
// go one after the other into `bytes`. A full arena ends the helper, and a new one continues.
struct MemorySlot {
  int error;
  std::uint32_t offset, length;
};
inline constexpr std::size_t kMemorySlots = 16384;
inline constexpr std::size_t kMemoryBytes = std::size_t{4} * 1024 * 1024;
struct MemoryArena {
  std::atomic<std::uint32_t> done;
  char paths[kMemorySlots][32];       // "PID/cmdline", "PID/fd/NUMBER"
  std::uint32_t users[kMemorySlots];  // the index in `left` of each file's user
  std::uint64_t left[kMemorySlots];   // what is left of each user's budget
  MemorySlot slots[kMemorySlots];
  char bytes[kMemoryBytes];

  // Returns the answer's errno and points `text` at its bytes. Guard: the helper is not trusted, so a slot
  // that points outside the arena is EIO.
  int answer(std::uint32_t i, std::string_view* text) const;
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free, "shared between processes");

// Forks a helper that reads the arena's first `count` files. EDQUOT: the user's budget was used up
// before. The helper holds alive_fd until it ends, and no other descriptor of this program. Returns its pid,
// or -1 and errno.
pid_t start_memory_helper(int proc_fd, int alive_fd, const MemoryFile& file, MemoryArena* arena,
                          std::uint32_t count);

// Ends and collects a helper. One that is blocked in the kernel dies when its read ends; later calls of
// collect_memory_helpers collect it.
void end_memory_helper(pid_t helper);
void collect_memory_helpers();

}  // namespace reaper
