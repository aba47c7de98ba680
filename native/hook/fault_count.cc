#include "hook/fault_count.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.h"

namespace reaper::hook {
namespace {

// The group of a folder of root's is the one that root gave it: the sweep's own account.
constexpr mode_t kOthersMayWrite = 002;

// Opened before it is made: SELinux lets the hook use a folder of systemd-tmpfiles, and make none.
UniqueFd open_folder(const char* directory) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd folder(open(directory, kFlags));
  if (folder.valid()) return folder;
  mkdir(directory, 0700);
  return UniqueFd(open(directory, kFlags));
}

bool is_own_folder(int fd) {
  struct stat info{};
  return fstat(fd, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & kOthersMayWrite) == 0;
}

}  // namespace

bool count_fault(const char* directory) {
  const UniqueFd folder = open_folder(directory);
  if (!is_own_folder(folder.get())) return false;
  // O_NONBLOCK: the open of a fifo would wait for its reader.
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  const UniqueFd fd(openat(folder.get(), "hook.faults", kFlags, 0600));
  struct stat info{};
  if (fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  return static_cast<std::size_t>(info.st_size) >= kMaxFaults || write(fd.get(), ".", 1) == 1;
}

}  // namespace reaper::hook
