// How often the hook failed since boot. The length of a file is the count: an append is one system call,
// never reads, and cannot be torn.
#pragma once

#include <cstddef>

namespace reaper::hook {

// The count goes no further: a hook that fails at every logout must not fill /run.
constexpr std::size_t kMaxFaults = 1 << 20;

// Appends one byte to DIRECTORY/hook.faults; makes the directory (0700) and the file (0600) where they are
// absent. Answers false, and writes nothing, where the directory is a link, belongs to another user or is
// writable by others, where the file is not a regular file, or when a call fails. Uses only functions that
// signal-safety(7) lists: a signal handler may call it.
bool count_fault(const char* directory);

}  // namespace reaper::hook
