#include "hook/tag_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/fd.h"

namespace reaper::hook {
namespace {

constexpr mode_t kOthersMayDoAnything = 077;
constexpr mode_t kOthersMayWrite = 022;
constexpr mode_t kGroupBits = 070;

Failure failed(int code, std::string what) { return {code, std::move(what)}; }

// Opens `name` and checks what was opened, not the name: a link, a foreign owner and `forbidden` mode bits
// are refused. The group of a folder of root's is the one that root gave it (the sweep's own account), so its
// bits are root's decision.
Result<UniqueFd> open_directory(int parent, const std::string& name, uid_t owner, mode_t forbidden) {
  UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return failed(errno, name);
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return failed(errno, name);
  if (info.st_uid != owner && info.st_uid != 0)
    return failed(EPERM, name + " belongs to uid " + std::to_string(info.st_uid));
  if (info.st_uid == 0) forbidden &= ~kGroupBits;
  if ((info.st_mode & forbidden) != 0) return failed(EPERM, name + " is open to others");
  return fd;
}

Result<UniqueFd> use_directory(int parent, const std::string& name, uid_t owner, mode_t forbidden) {
  // Opened before it is made: SELinux lets the hook use a folder of systemd-tmpfiles, and make none.
  Result<UniqueFd> existing = open_directory(parent, name, owner, forbidden);
  if (existing.failure().code != ENOENT) return existing;
  const int error = mkdirat(parent, name.c_str(), 0700) == 0 ? 0 : errno;
  Result<UniqueFd> made = open_directory(parent, name, owner, forbidden);
  if (!made && error != 0) return failed(error, "mkdir " + name);
  return made;
}

Result<bool> write_file(int directory, const std::string& temporary, const std::string& text) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  // A dead writer that had this pid may have left it: two living ones cannot share a pid.
  unlinkat(directory, temporary.c_str(), 0);
  const UniqueFd fd(openat(directory, temporary.c_str(), kFlags, 0600));
  if (!fd.valid()) return failed(errno, "create " + temporary);
  const ssize_t written = write(fd.get(), text.data(), text.size());
  if (written < 0) return failed(errno, "write " + temporary);
  if (static_cast<std::size_t>(written) != text.size()) return failed(ENOSPC, "write " + temporary);
  return true;
}

}  // namespace

Result<bool> write_tag(const std::string& directory, uid_t owner, const Tag& tag) {
  const std::size_t slash = directory.rfind('/');
  if (slash == std::string::npos || slash == 0) return failed(EINVAL, directory);
  // Others may list the folder above, which holds the lock of the sweep as well; only root may add to it.
  const Result<UniqueFd> parent = use_directory(AT_FDCWD, directory.substr(0, slash), owner, kOthersMayWrite);
  if (!parent) return parent.failure();
  const Result<UniqueFd> opened =
      use_directory(parent.value().get(), directory.substr(slash + 1), owner, kOthersMayDoAnything);
  if (!opened) return opened.failure();
  const int fd = opened.value().get();
  const std::string name = std::to_string(tag.uid) + ".json";
  const std::string temporary = "." + name + "." + std::to_string(getpid()) + ".tmp";
  // No fdatasync: the directory is a tmpfs, and a tag does not outlive the boot.
  Result<bool> result = write_file(fd, temporary, encode_tag(tag));
  if (result && renameat(fd, temporary.c_str(), fd, name.c_str()) != 0)
    result = failed(errno, "rename " + name);
  unlinkat(fd, temporary.c_str(), 0);  // gone where it was renamed
  return result;
}

}  // namespace reaper::hook
