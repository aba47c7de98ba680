#include "hook/fault_count.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/base/fd.h"

namespace reaper::hook {
namespace {

constexpr mode_t kOthersMayWrite = 022;
constexpr char kBytes[] = "................................................................";

bool is_own_folder(int fd) {
  struct stat info{};
  return fstat(fd, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & kOthersMayWrite) == 0;
}

}  // namespace

void count_faults(const char* directory, std::size_t faults) {
  if (faults == 0) return;
  if (mkdir(directory, 0700) != 0 && errno != EEXIST) return;
  const UniqueFd folder(open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid() || !is_own_folder(folder.get())) return;
  // O_NONBLOCK: the open of a fifo would wait for its reader.
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  const UniqueFd file(openat(folder.get(), "hook.faults", kFlags, 0600));
  struct stat info{};
  if (!file.valid() || fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return;
  const auto counted = static_cast<std::size_t>(info.st_size);
  if (counted >= kMaxFaultBytes) return;
  const std::size_t size = std::min({faults, sizeof(kBytes) - 1, kMaxFaultBytes - counted});
  (void)!write(file.get(), kBytes, size);
}

}  // namespace reaper::hook
