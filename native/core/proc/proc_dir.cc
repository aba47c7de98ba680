#include "core/proc/proc_dir.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace reaper {
namespace {

std::string path_of(pid_t pid, const char* file) { return std::to_string(pid) + '/' + file; }

int open_retrying(int folder, const char* path, int flags) {
  int fd = -1;
  do fd = openat(folder, path, flags | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  return fd;
}

}  // namespace

std::string error_text(int error) {
  if (error == EBADMSG) return "the kernel's file is malformed or cut";
  if (error == ETIMEDOUT) return "no answer in time";
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
  std::vector<pid_t> pids;
  const int error = each_number(".", [&pids](int, pid_t pid) {
    pids.push_back(pid);
    return 0;
  });
  if (error != 0) return Failure{error, "list the proc root"};
  std::sort(pids.begin(), pids.end());
  return pids;
}

int ProcDir::each_number(const std::string& folder, const std::function<int(int, int)>& each) const {
  // Opened anew, also the root: forked helpers share the offset of root_.
  UniqueFd fd(open_retrying(root_.get(), folder.c_str(), O_RDONLY | O_DIRECTORY));
  DIR* dir = fd.valid() ? fdopendir(fd.get()) : nullptr;
  if (dir == nullptr) return errno;
  int error = 0;
  while (error == 0) {
    errno = 0;
    const dirent* entry = readdir(dir);
    int number = 0;
    if (entry == nullptr) break;
    if (to_number(entry->d_name, number)) error = each(fd.get(), number);
  }
  if (error == 0) error = errno;  // of the last readdir
  fd.release();                   // closedir closes it
  closedir(dir);
  return error;
}

int ProcDir::owner(pid_t pid, uid_t* uid) const {
  struct stat status;
  if (fstatat(root_.get(), std::to_string(pid).c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  *uid = status.st_uid;
  return 0;
}

int ProcDir::pin(pid_t pid, UniqueFd* folder, int flags) const {
  const std::string path = std::to_string(pid);
  *folder = UniqueFd(open_retrying(root_.get(), path.c_str(), flags | O_DIRECTORY | O_NOFOLLOW));
  return folder->valid() ? 0 : errno;
}

int ProcDir::read(int folder, const char* path, std::string_view* text, Records records, std::size_t most) {
  const UniqueFd fd(open_retrying(folder, path, O_RDONLY | O_NOFOLLOW));
  if (!fd.valid()) return errno;
  std::size_t size = 0;
  for (;;) {
    if (size >= most) return EFBIG;
    if (size == buffer_.size()) buffer_.resize(size * 2);
    const ssize_t got = ::read(fd.get(), buffer_.data() + size, buffer_.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    size += static_cast<std::size_t>(got);
    // The kernel makes one record whole before it is read, so less than the room is the end
    // (proc_single_show, simple_read_from_buffer); to ask again would cost a sixth of the time.
    if (got == 0 || (records == Records::kOne && size < buffer_.size())) break;
  }
  *text = std::string_view(buffer_.data(), size);
  return 0;
}

int ProcDir::read_stat(pid_t pid, int folder, Stat* stat) {
  std::string_view text;
  const int error =
      folder < 0 ? read(root_.get(), path_of(pid, "stat").c_str(), &text) : read(folder, "stat", &text);
  if (error != 0) return error;
  const auto parsed = parse_stat(text);
  if (!parsed || parsed->pid != pid) return EBADMSG;
  *stat = *parsed;
  return 0;
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
  return link(root_.get(), path_of(pid, name).c_str(), target);
}

}  // namespace reaper
