// How often the hook failed, told by the length of a file.
#pragma once

#include <cstddef>

namespace reaper::hook {

// No count beyond: a hook that fails at every logout fills no /run.
constexpr std::size_t kMaxFaultBytes = 1 << 20;

// Appends `faults` bytes to DIRECTORY/hook.faults, so that the length of the file is their number, up to
// kMaxFaultBytes. Makes the directory (0700) and the file (0600). Does nothing where the directory is a link,
// is another user's or may be written by others, where the file is none, or when anything fails. Only calls
// that signal-safety(7) lists: a handler may use it.
void count_faults(const char* directory, std::size_t faults);

}  // namespace reaper::hook
