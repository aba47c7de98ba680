#include "core/tags/tag_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <string_view>

#include "core/base/fd.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

constexpr mode_t kOthersMayDoAnything = 077;
constexpr mode_t kOthersMayWrite = 022;
// A writer lives a second at most, so an older temporary file is nobody's.
constexpr time_t kTemporarySeconds = 60;
constexpr std::string_view kTemporarySuffix = ".tmp";
// A folder full of junk is told of in so many lines and a count.
constexpr std::size_t kMaxFaults = 20;

Failure failed(int code, std::string what) { return {code, std::move(what)}; }

std::string name_of(const ProcId& id) {
  return std::to_string(id.pid) + "-" + std::to_string(id.start_time) + ".json";
}

// Opens `name` and checks what was opened, not the name: a link, a foreign owner and `forbidden` mode bits
// are refused.
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
    // The leftover of a dead writer that had this pid: two living ones cannot share it.
    unlinkat(directory, temporary.c_str(), 0);
    fd = UniqueFd(openat(directory, temporary.c_str(), kFlags, 0600));
  }
  if (!fd.valid()) return failed(errno, "create " + temporary);
  if (!write_all(fd.get(), text)) return failed(errno, "write " + temporary);
  return true;
}

// One file's text, at most one byte more than a tag, so that a longer one is seen to be longer.
Result<std::string> read_file(int directory, const std::string& name, uid_t owner) {
  struct stat info{};
  // Before the open, for opening a device can act on it; O_NONBLOCK and the second look below close the gap.
  if (fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return failed(errno, name);
  if (!S_ISREG(info.st_mode)) return failed(EINVAL, "no regular file");
  const UniqueFd fd(
      openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd.valid()) return failed(errno, "open");
  if (fstat(fd.get(), &info) != 0) return failed(errno, "stat");
  if (!S_ISREG(info.st_mode)) return failed(EINVAL, "no regular file");
  if (info.st_uid != owner || (info.st_mode & kOthersMayWrite) != 0)
    return failed(EPERM, "not written by the owner of the directory");
  std::string text(kMaxTagBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(errno, "read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

Result<Tag> read_tag(int directory, const std::string& name, uid_t owner) {
  Result<std::string> text = read_file(directory, name, owner);
  if (!text) return text.failure();
  Result<Tag> tag = decode_tag(text.value());
  // A tag under another's name would be dropped or kept for the wrong process.
  if (tag && name_of(tag.value().root) != name) return failed(EBADMSG, "the name and the content disagree");
  return tag;
}

// What an interrupted writer left behind is removed and reported once; a younger one is still being written.
void take_temporary(int directory, const std::string& name, TagListing& listing) {
  struct stat info{};
  if (fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (time(nullptr) - info.st_mtime < kTemporarySeconds) return;
  const bool removed = unlinkat(directory, name.c_str(), 0) == 0;
  listing.faults.push_back(
      {"write a tag", 0, name + (removed ? ": removed, left half-written" : ": left half-written")});
}

bool is_temporary(std::string_view name) {
  return name.front() == '.' && name.size() > kTemporarySuffix.size() &&
         name.substr(name.size() - kTemporarySuffix.size()) == kTemporarySuffix;
}

std::string text_of(const Failure& failure) { return failure.what + ": " + error_text(failure.code); }

}  // namespace

Result<bool> prepare_tag_directory(const std::string& directory, uid_t owner) {
  const std::size_t slash = directory.rfind('/');
  if (slash == std::string::npos || slash == 0) return failed(EINVAL, directory);
  // The folder above may be listed by others, for it holds the lock of the sweep as well; only root may add
  // to it.
  Result<UniqueFd> parent = make_directory(AT_FDCWD, directory.substr(0, slash), owner, kOthersMayWrite);
  if (!parent) return parent.failure();
  Result<UniqueFd> opened =
      make_directory(parent.value().get(), directory.substr(slash + 1), owner, kOthersMayDoAnything);
  if (!opened) return opened.failure();
  return true;
}

Result<bool> write_tag(const std::string& directory, const Tag& tag) {
  const std::string text = encode_tag(tag);
  Result<Tag> readable = decode_tag(text);
  if (!readable) return failed(EINVAL, "unreadable tag: " + readable.failure().what);
  Result<UniqueFd> opened = open_directory(AT_FDCWD, directory, geteuid(), kOthersMayDoAnything);
  if (!opened) return opened.failure();
  const int fd = opened.value().get();
  const std::string name = name_of(tag.root);
  const std::string temporary = "." + name + "." + std::to_string(getpid()) + std::string(kTemporarySuffix);
  // No fdatasync: the directory is a tmpfs, and a tag does not outlive the boot.
  Result<bool> result = write_file(fd, temporary, text);
  if (result && renameat(fd, temporary.c_str(), fd, name.c_str()) != 0)
    result = failed(errno, "rename " + name);
  if (!result) unlinkat(fd, temporary.c_str(), 0);
  return result;
}

TagListing list_tags(const std::string& directory) {
  TagListing listing;
  const auto fault = [&](const char* what, const std::string& detail) {
    listing.faults.push_back({what, 0, detail});
  };
  Result<UniqueFd> opened = open_directory(AT_FDCWD, directory, geteuid(), kOthersMayDoAnything);
  if (!opened) {
    if (opened.failure().code != ENOENT) fault("list tags", text_of(opened.failure()));
    return listing;
  }
  const int fd = opened.value().release();
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(fd), closedir);
  if (!stream) {
    fault("list tags", text_of(failed(errno, directory)));
    close(fd);
    return listing;
  }
  std::size_t untold = 0;
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (is_temporary(name)) {
      take_temporary(fd, name, listing);
    } else {
      Result<Tag> tag = read_tag(fd, name, geteuid());
      if (tag) {
        listing.tags.push_back(tag.take());
      } else if (tag.failure().code != ENOENT) {  // gone since the listing
        if (listing.faults.size() < kMaxFaults)
          fault("read a tag", name + ": " + text_of(tag.failure()) + "; remove it from " + directory);
        else
          ++untold;
      }
    }
    errno = 0;
  }
  if (errno != 0) fault("list tags", text_of(failed(errno, directory)));
  if (untold > 0)
    fault("read the tags", std::to_string(untold) + " more files are no tags; remove them from " + directory);
  std::sort(listing.tags.begin(), listing.tags.end(),
            [](const Tag& a, const Tag& b) { return a.root.pid < b.root.pid; });
  return listing;
}

Result<bool> remove_tag(const std::string& directory, const ProcId& id) {
  Result<UniqueFd> opened = open_directory(AT_FDCWD, directory, geteuid(), kOthersMayDoAnything);
  if (!opened) {
    if (opened.failure().code == ENOENT) return false;
    return opened.failure();
  }
  if (unlinkat(opened.value().get(), name_of(id).c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  return failed(errno, "unlink " + name_of(id));
}

}  // namespace reaper
