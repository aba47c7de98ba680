#include "core/sockets/fd_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <tuple>

#include "core/base/fd.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { closedir(dir); }
};
using Dir = std::unique_ptr<DIR, CloseDir>;

Dir open_dir(int at, const std::string& path) {
  UniqueFd fd(openat(at, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return nullptr;
  Dir dir(fdopendir(fd.get()));
  if (dir) static_cast<void>(fd.release());
  return dir;
}

// Every numeric entry, until `each` returns an errno other than 0. The errno that ended it, or 0.
template <typename Each>
int each_number(DIR* dir, Each each) {
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(dir);
    if (!entry) return errno;
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    if (const int code = each(entry->d_name)) return code;
  }
}

// "socket:[INODE]". Netlink tells inodes in 32 bits, so only those are compared. A path cannot look like
// this: the kernel shows paths with a leading '/'.
std::optional<std::uint32_t> socket_inode(std::string_view link) {
  constexpr std::string_view kPrefix = "socket:[";
  if (link.substr(0, kPrefix.size()) != kPrefix || link.back() != ']') return std::nullopt;
  const char* first = link.data() + kPrefix.size();
  const char* last = link.data() + link.size() - 1;
  std::uint64_t inode = 0;
  const auto parsed = std::from_chars(first, last, inode);
  if (parsed.ec != std::errc() || parsed.ptr != last || inode == 0) return std::nullopt;
  return static_cast<std::uint32_t>(inode);
}

bool by_fd(const SocketFd& a, const SocketFd& b) { return std::tie(a.pid, a.fd) < std::tie(b.pid, b.fd); }

}  // namespace

LinkText read_link(int at, const char* path) {
  LinkText text;
  const ssize_t got = readlinkat(at, path, text.bytes, sizeof text.bytes);
  if (got < 0)
    text.code = errno;
  else
    text.size = static_cast<std::size_t>(got);
  return text;
}

void FdReader::process(pid_t pid) {
  const std::string path = std::to_string(pid);
  Look look = task(pid, path);
  if (look.code == 0 && look.descriptors == 0) look.code = threads(pid, path);
  if (look.code == 0) return;
  table_.unreadable.push_back(pid);
  if (!is_denied(look.code)) table_.faults.push_back({"list descriptors", pid, std::strerror(look.code)});
}

// A path as short as this lies in the string itself (at most 15 bytes; 4194304/ns/net has 14), and a folder
// that finds no memory says so.
bool FdReader::plain_process(pid_t pid) {
  const std::size_t holders = table_.holders.size(), descriptors = table_.descriptors.size(),
                    foreign = table_.foreign_net.size();
  const Look look = task(pid, std::to_string(pid));
  if (look.code == 0 && look.descriptors > 0) return true;
  table_.holders.resize(holders);
  table_.descriptors.resize(descriptors);
  table_.foreign_net.resize(foreign);
  return false;
}

// A main thread that has ended shows no descriptors while its other threads go on with theirs (measured).
int FdReader::threads(pid_t pid, const std::string& path) {
  const Dir dir = open_dir(proc_, path + "/task");
  if (!dir) return is_gone(errno) ? 0 : errno;
  const int code = each_number(dir.get(), [&](const char* tid) {
    const std::string thread = path + "/task/" + tid;
    const Look look = tid == path ? Look{} : task(pid, thread);
    return look.code;
  });
  return is_gone(code) ? 0 : code;
}

FdReader::Look FdReader::task(pid_t pid, const std::string& path) {
  Look look = descriptors(pid, path);
  const int net = compare_net(pid, path);
  if (look.code == 0) look.code = net;
  return look;
}

FdReader::Look FdReader::descriptors(pid_t pid, const std::string& path) {
  Look look;
  const Dir dir = open_dir(proc_, path + "/fd");
  if (!dir) {
    look.code = is_gone(errno) ? 0 : errno;
    return look;
  }
  const int at = dirfd(dir.get());
  const bool main_thread = path.find('/') == std::string::npos;
  auto known = main_thread ? std::lower_bound(settled_.begin(), settled_.end(), SocketFd{pid, 0, 0}, by_fd)
                           : settled_.end();
  look.code = each_number(dir.get(), [&](const char* name) {
    if (++look.descriptors > kMaxDescriptors) return EMFILE;
    const int fd = std::atoi(name);
    // The kernel lists them in ascending order; in any other, one would only be read again.
    while (known != settled_.end() && known->pid == pid && known->fd < fd) ++known;
    if (known != settled_.end() && known->pid == pid && known->fd == fd) return 0;
    const LinkText link = read_link(at, name);
    if (link.code != 0) return is_gone(link.code) ? 0 : link.code;
    if (const auto inode = socket_inode(link.view())) {
      if (!may_grow_ && table_.holders.size() == table_.holders.capacity()) return ENOMEM;
      table_.holders.push_back({*inode, pid});
      if (main_thread) table_.descriptors.push_back({pid, fd, *inode});
    }
    return 0;
  });
  if (is_gone(look.code)) look.code = 0;  // it ended while being read
  return look;
}

int FdReader::compare_net(pid_t pid, const std::string& path) {
  const LinkText net = read_link(proc_, (path + "/ns/net").c_str());
  if (net.code != 0) return is_gone(net.code) ? 0 : net.code;
  if (own_net_ && net.view() != *own_net_) table_.foreign_net.push_back(pid);
  return 0;
}

}  // namespace reaper
