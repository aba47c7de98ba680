// Starts and ends child processes that read files of other processes' memory (/proc/PID/cmdline, environ).
// These reads take the target's mmap lock, so a hostile or stuck process can hold its reader for ever (seen
// with FUSE, NFS and tape file systems). SIGKILL ends such a reader; nothing ends a thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>

namespace reaper {

// Forks a helper that does `work` in the proc root: async-signal-safe calls only, for threads of the parent
// (Node) may hold any lock. It holds alive_fd until it ends, and no other descriptor of this program. Returns
// its pid, or -1 and errno.
pid_t start_helper(int proc_fd, int alive_fd, const std::function<void()>& work);

// Ends and collects a helper. One that is blocked in the kernel dies when its read ends; later calls of
// collect_helpers collect it.
void end_helper(pid_t helper);
void collect_helpers();

// Reads a file in pieces of that size, in the helper: to its end, or until `to` is full. Less than a
// piece is the end, for the kernel fills it as far as it has something (get_mm_cmdline, environ_read), and to
// ask again would cost a sixth of the time. 0 or an errno.
int read_in_helper(const char* path, std::size_t piece, char* to, std::size_t room, std::size_t* size);

}  // namespace reaper
