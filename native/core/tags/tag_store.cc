#include "core/tags/tag_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "core/base/fd.h"

namespace reaper {
namespace {

constexpr mode_t kOthersMayDoAnything = 077;
constexpr mode_t kOthersMayWrite = 022;

Failure failed(int code, std::string what) { return {code, std::move(what)}; }

std::string name_of(const ProcId& id) {
  return std::to_string(id.pid) + "-" + std::to_string(id.start_time) + ".json";
}

// Opens `name` and checks what was opened, not the name. Refuses a link, another owner and `forbidden` mode
// bits.
Result<UniqueFd> open_directory(int parent, const std::string& name, uid_t owner, mode_t forbidden) {
  UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return failed(errno, name);
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return failed(errno, name);
  if (info.st_uid != owner) return failed(EPERM, name + " belongs to uid " + std::to_string(info.st_uid));
  if ((info.st_mode & forbidden) != 0) return failed(EPERM, name + " is open to others");
  return fd;
}

Result<UniqueFd> make_directory(int parent, const std::string& name, uid_t owner, mode_t forbidden) {
  // Opened first: sshd's domain may enter a folder that systemd-tmpfiles made, and may make none (SELinux).
  Result<UniqueFd> existing = open_directory(parent, name, owner, forbidden);
  if (existing || existing.failure().code != ENOENT) return existing;
  if (mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST) return failed(errno, "mkdir " + name);
  return open_directory(parent, name, owner, forbidden);
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      if (written == 0) errno = ENOSPC;
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Result<bool> write_file(int directory, const std::string& temporary, const std::string& text) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(openat(directory, temporary.c_str(), kFlags, 0600));
  if (!fd.valid() && errno == EEXIST) {
    // A dead writer that had this pid left it: two living ones cannot share a pid.
    unlinkat(directory, temporary.c_str(), 0);
    fd = UniqueFd(openat(directory, temporary.c_str(), kFlags, 0600));
  }
  if (!fd.valid()) return failed(errno, "create " + temporary);
  if (!write_all(fd.get(), text)) return failed(errno, "write " + temporary);
  return true;
}

}  // namespace

Result<bool> prepare_tag_directory(const std::string& directory, uid_t owner) {
  const std::size_t slash = directory.rfind('/');
  if (slash == std::string::npos || slash == 0) return failed(EINVAL, directory);
  // Others may list the folder above, which holds the lock of the sweep as well; only root may add to it.
  Result<UniqueFd> parent = make_directory(AT_FDCWD, directory.substr(0, slash), owner, kOthersMayWrite);
  if (!parent) return parent.failure();
  Result<UniqueFd> opened =
      make_directory(parent.value().get(), directory.substr(slash + 1), owner, kOthersMayDoAnything);
  if (!opened) return opened.failure();
  return true;
}

Result<bool> write_tag(const std::string& directory, const Tag& tag) {
  const Result<std::string> text = encode_tag(tag);
  if (!text) return text.failure();
  Result<UniqueFd> opened = open_directory(AT_FDCWD, directory, geteuid(), kOthersMayDoAnything);
  if (!opened) return opened.failure();
  const int fd = opened.value().get();
  const std::string name = name_of(tag.root);
  const std::string temporary = "." + name + "." + std::to_string(getpid()) + ".tmp";
  // No fdatasync: the directory is a tmpfs, and a tag does not outlive the boot.
  Result<bool> result = write_file(fd, temporary, text.value());
  if (result && renameat(fd, temporary.c_str(), fd, name.c_str()) != 0)
    result = failed(errno, "rename " + name);
  if (!result) unlinkat(fd, temporary.c_str(), 0);
  return result;
}

}  // namespace reaper
