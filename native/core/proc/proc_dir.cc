#include "core/proc/proc_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "core/proc/parse.h"

namespace reaper {
namespace {

using Path = std::array<char, 64>;

// `name` null: the process's folder.
const char* path_of(pid_t pid, const char* name, Path& path) {
  return write_proc_path(pid, name, path.data(), path.size()) ? path.data()
                                                              : "";  // no name of ours is longer
}

int open_retrying(int folder, const char* path, int flags) {
  int fd = -1;
  do fd = openat(folder, path, flags | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  return fd;
}

}  // namespace

bool write_proc_path(pid_t pid, const char* name, char* path, std::size_t room) {
  const auto [end, error] = std::to_chars(path, path + room, pid);
  if (error != std::errc()) return false;
  const std::size_t length = name == nullptr ? 0 : 1 + std::strlen(name);
  if (length >= static_cast<std::size_t>(path + room - end)) return false;
  if (name != nullptr) {
    *end = '/';
    std::memcpy(end + 1, name, length - 1);
  }
  end[length] = '\0';
  return true;
}

bool is_gone(int error) { return error == ENOENT || error == ESRCH; }
bool is_denied(int error) { return error == EACCES || error == EPERM; }
bool is_exhausted(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }

std::string error_text(int error) {
  std::array<char, 128> buffer{};
  return strerror_r(error, buffer.data(), buffer.size());
}

Result<ProcDir> ProcDir::open(const std::string& root) {
  UniqueFd fd(open_retrying(AT_FDCWD, root.c_str(), O_RDONLY | O_DIRECTORY));
  if (!fd.valid()) return Failure{errno, "open " + root};
  return ProcDir(std::move(fd));
}

bool ProcDir::is_foreign() {
  // proc(5): /proc/self is this process's number there; none at all in a namespace that it is not in.
  std::string_view self;
  const int error = link(root_.get(), "self", &self);
  return error == ENOENT || (error == 0 && self != std::to_string(getpid()));
}

Result<std::vector<pid_t>> ProcDir::list() const {
  struct Entry {  // linux_dirent64 of getdents64(2)
    std::uint64_t inode;
    std::int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[1];
  };
  // A description of its own: the offset of root_ is shared with forked helpers.
  const UniqueFd fd(open_retrying(root_.get(), ".", O_RDONLY | O_DIRECTORY));
  if (!fd.valid()) return Failure{errno, "open the proc root"};
  alignas(Entry) std::array<char, 32768> block;
  std::vector<pid_t> pids;
  for (;;) {
    const long got = syscall(SYS_getdents64, fd.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failure{errno, "list the proc root"};
    if (got == 0) break;
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const Entry*>(block.data() + at);
      const char* name = block.data() + at + offsetof(Entry, name);
      if (const auto pid = parse_pid(name)) pids.push_back(*pid);
      at += entry->length;
    }
  }
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

int ProcDir::owner(pid_t pid, uid_t* uid) const {
  Path path;
  struct stat status;
  if (fstatat(root_.get(), path_of(pid, nullptr, path), &status, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  *uid = status.st_uid;
  return 0;
}

int ProcDir::pin(pid_t pid, UniqueFd* folder) const {
  Path path;
  *folder =
      UniqueFd(open_retrying(root_.get(), path_of(pid, nullptr, path), O_PATH | O_DIRECTORY | O_NOFOLLOW));
  return folder->valid() ? 0 : errno;
}

int ProcDir::read(int folder, const char* path, std::string_view* text) {
  const UniqueFd fd(open_retrying(folder, path, O_RDONLY | O_NOFOLLOW));
  if (!fd.valid()) return errno;
  std::size_t size = 0;
  for (;;) {
    if (size == buffer_.size()) {
      if (size >= kFileLimit) return EFBIG;  // no file of the kernel's is this long
      buffer_.resize(size * 2);
    }
    const ssize_t got = ::read(fd.get(), buffer_.data() + size, buffer_.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    size += static_cast<std::size_t>(got);
    // The kernel makes such a file whole before it is read, so less than the room is the end
    // (proc_single_show, simple_read_from_buffer); to ask again would cost a sixth of the time.
    if (size < buffer_.size()) break;
  }
  *text = std::string_view(buffer_.data(), size);
  return 0;
}

int ProcDir::read_of(pid_t pid, const char* file, std::string_view* text) {
  Path path;
  return read(root_.get(), path_of(pid, file, path), text);
}

int ProcDir::link(int folder, const char* path, std::string_view* target) {
  const ssize_t got = readlinkat(folder, path, buffer_.data(), buffer_.size());
  if (got < 0) return errno;
  // A target as long as the buffer may be cut, and a cut path is not a path. PATH_MAX is 4096.
  if (static_cast<std::size_t>(got) == buffer_.size()) return ENAMETOOLONG;
  *target = std::string_view(buffer_.data(), static_cast<std::size_t>(got));
  return 0;
}

int ProcDir::link_of(pid_t pid, const char* name, std::string_view* target) {
  Path path;
  return link(root_.get(), path_of(pid, name, path), target);
}

}  // namespace reaper
