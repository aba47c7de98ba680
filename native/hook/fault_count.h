// How often the hook failed since boot. The length of a file is the count: an append is one system call,
// never reads, and cannot be torn.
#pragma once

#include <cstddef>

namespace reaper::hook {

// No count goes beyond: a hook that fails at every logout must not fill /run.
constexpr std::size_t kMaxFaultBytes = 1 << 20;

// In the run folder. Faults, one byte each; and logouts at which the kernel refused to name executables.
constexpr char kFaultsFile[] = "hook.faults";
constexpr char kUnreadableFile[] = "hook.unreadable";

enum class Counted { kFirst, kAgain, kFailed };

// Appends `amount` bytes to DIRECTORY/FILE, up to kMaxFaultBytes; kFirst when the file was empty or absent.
// Makes the directory (0700) and the file (0600) where they are absent. kFailed, and nothing written, where
// the directory is a link, belongs to another user or is writable by others, where the file is not a regular
// file, or when a call fails. Uses only functions that signal-safety(7) lists: a signal handler may call it.
Counted add_to_count(const char* directory, const char* file, std::size_t amount);

}  // namespace reaper::hook
