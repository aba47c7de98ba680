#include "hook/tag_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>

#include "core/base/fd.h"
#include "core/proc/parse.h"
#include "core/proc/proc_dir.h"

namespace reaper::hook {
namespace {

constexpr mode_t kOthersMayDoAnything = 077;
constexpr mode_t kOthersMayWrite = 022;
constexpr mode_t kGroupBits = 070;

Failure failed(int code, std::string what) { return {code, std::move(what)}; }

std::string name_of(const ProcId& id) {
  return std::to_string(id.pid) + "-" + std::to_string(id.start_time) + ".json";
}

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

std::optional<ProcId> id_of_name(std::string_view name) {
  constexpr std::string_view kEnd = ".json";
  ProcId id;
  const char* const end = name.data() + name.size();
  const auto pid = std::from_chars(name.data(), end, id.pid);
  if (pid.ec != std::errc() || id.pid <= 0 || pid.ptr == end || *pid.ptr != '-') return std::nullopt;
  const auto start = std::from_chars(pid.ptr + 1, end, id.start_time);
  if (start.ec != std::errc() ||
      std::string_view(start.ptr, static_cast<std::size_t>(end - start.ptr)) != kEnd)
    return std::nullopt;
  return id;
}

// True as well where it cannot be known: a tag is dropped for a process that is certainly another one.
bool is_process(ProcDir& proc, const ProcId& id) {
  std::string_view text;
  if (proc.read_of(id.pid, "stat", &text) != 0) return true;
  const std::optional<Stat> stat = parse_stat(text);
  return !stat || stat->start_time == id.start_time;
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

TagCount prune_tags(const std::string& directory, ProcDir& proc, uid_t uid) {
  TagCount count;
  Result<UniqueFd> opened = open_directory(AT_FDCWD, directory, geteuid(), kOthersMayDoAnything);
  if (!opened) return count;
  const int fd = opened.value().release();
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(fd), closedir);
  if (!stream) {
    close(fd);
    return count;
  }
  while (const dirent* entry = readdir(stream.get())) {
    const std::optional<ProcId> id = id_of_name(entry->d_name);
    if (!id) continue;
    uid_t owner = 0;
    const int error = proc.owner(id->pid, &owner);
    // The start time costs five times as much as the owner, so only this user's are compared.
    const bool dead = is_gone(error) || (error == 0 && owner == uid && !is_process(proc, *id));
    if (dead && unlinkat(fd, entry->d_name, 0) == 0) continue;
    ++count.all;
    if (error == 0 && owner == uid) ++count.of_user;
  }
  return count;
}

bool has_tag(const std::string& directory, const ProcId& id) {
  struct stat info{};
  return lstat((directory + "/" + name_of(id)).c_str(), &info) == 0;
}

}  // namespace reaper::hook
