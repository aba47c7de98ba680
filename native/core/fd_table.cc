#include "core/fd_table.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>

#include "core/fd.h"

namespace reaper {
namespace {

// A user may open as many descriptors as the limits allow and each costs about 8 us to read; one who holds
// more than this is unknown rather than a way to stall the sweep.
constexpr std::size_t kMaxDescriptors = 65536;

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

bool means_gone(int code) { return code == ENOENT || code == ESRCH; }
bool means_denied(int code) { return code == EACCES || code == EPERM; }

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

// The text of a link; else an errno. Links are only read, never followed: a file behind one may hang the
// reader.
struct LinkText {
  char bytes[64];  // "socket:[INODE]" and "net:[INODE]" are shorter, so a longer text is neither
  std::size_t size = 0;
  int code = 0;
  std::string_view view() const { return {bytes, size}; }
};

LinkText read_link(int at, const char* path) {
  LinkText text;
  const ssize_t got = readlinkat(at, path, text.bytes, sizeof text.bytes);
  if (got < 0)
    text.code = errno;
  else
    text.size = static_cast<std::size_t>(got);
  return text;
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

struct Look {
  int code = 0;  // 0 also when it is gone
  std::size_t descriptors = 0;
};

bool by_fd(const SocketFd& a, const SocketFd& b) { return std::tie(a.pid, a.fd) < std::tie(b.pid, b.fd); }

class Reader {
 public:
  Reader(int proc, std::optional<std::string> own_net, const std::vector<SocketFd>& settled, FdTable& table)
      : proc_(proc), own_net_(std::move(own_net)), settled_(settled), table_(table) {}

  void process(pid_t pid) {
    const std::string path = std::to_string(pid);
    Look look = task(pid, path);
    if (look.code == 0 && look.descriptors == 0) look.code = threads(pid, path);
    if (look.code == 0) return;
    table_.unreadable.push_back(pid);
    if (!means_denied(look.code))
      table_.faults.push_back({"list descriptors", pid, std::strerror(look.code)});
  }

 private:
  // A main thread that has ended shows no descriptors while its other threads go on with theirs (measured).
  int threads(pid_t pid, const std::string& path) {
    const Dir dir = open_dir(proc_, path + "/task");
    if (!dir) return means_gone(errno) ? 0 : errno;
    const int code = each_number(dir.get(), [&](const char* tid) {
      const std::string thread = path + "/task/" + tid;
      const Look look = tid == path ? Look{} : task(pid, thread);
      return look.code;
    });
    return means_gone(code) ? 0 : code;
  }

  Look task(pid_t pid, const std::string& path) {
    Look look = descriptors(pid, path);
    const int net = compare_net(pid, path);
    if (look.code == 0) look.code = net;
    return look;
  }

  Look descriptors(pid_t pid, const std::string& path) {
    Look look;
    const Dir dir = open_dir(proc_, path + "/fd");
    if (!dir) {
      look.code = means_gone(errno) ? 0 : errno;
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
      if (link.code != 0) return means_gone(link.code) ? 0 : link.code;
      if (const auto inode = socket_inode(link.view())) {
        table_.holders.push_back({*inode, pid});
        if (main_thread) table_.descriptors.push_back({pid, fd, *inode});
      }
      return 0;
    });
    if (means_gone(look.code)) look.code = 0;  // it ended while being read
    return look;
  }

  int compare_net(pid_t pid, const std::string& path) {
    const LinkText net = read_link(proc_, (path + "/ns/net").c_str());
    if (net.code != 0) return means_gone(net.code) ? 0 : net.code;
    if (own_net_ && net.view() != *own_net_) table_.foreign_net.push_back(pid);
    return 0;
  }

  const int proc_;
  const std::optional<std::string> own_net_;
  const std::vector<SocketFd>& settled_;
  FdTable& table_;
};

void sort_unique(std::vector<pid_t>& pids) {
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
}

}  // namespace

FdTable::Range FdTable::holders_of(std::uint32_t inode) const {
  const std::size_t place = first_holder.find(inode);
  if (place == InodeIndex::kNone) return {holders.end(), holders.end()};
  const auto first = holders.begin() + static_cast<std::ptrdiff_t>(place);
  const auto other = [&](const Holder& holder) { return holder.inode != inode; };
  return {first, std::find_if(first, holders.end(), other)};
}

bool FdTable::is_held(std::uint32_t inode) const { return first_holder.find(inode) != InodeIndex::kNone; }

std::vector<SocketFd> FdTable::settled(const std::vector<std::uint32_t>& living) const {
  InodeIndex alive(living.size());
  for (const std::uint32_t inode : living) alive.add(inode, 0);
  InodeIndex first(descriptors.size());
  std::vector<bool> shared(descriptors.size());
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    first.add(descriptors[i].inode, i);
    if (const std::size_t other = first.find(descriptors[i].inode); other != i)
      shared[i] = shared[other] = true;
  }
  std::vector<SocketFd> found;
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    const Range range = holders_of(descriptors[i].inode);
    // Guard: a socket with a second holder, or a second descriptor, lives on when this one is closed.
    if (!shared[i] && range.second - range.first == 1 &&
        alive.find(descriptors[i].inode) != InodeIndex::kNone)
      found.push_back(descriptors[i]);
  }
  return found;
}

void read_fd_table(const std::string& proc_root, const std::vector<pid_t>& pids, FdTable& table,
                   const std::vector<SocketFd>& settled) {
  std::vector<pid_t> wanted = pids;
  sort_unique(wanted);
  const UniqueFd proc(open(proc_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc.valid()) {
    table.faults.push_back({"open " + proc_root, 0, std::strerror(errno)});
    table.own_net_known = false;
    table.unreadable = std::move(wanted);
    return;
  }
  const LinkText net = read_link(proc.get(), "self/ns/net");
  std::optional<std::string> own_net;
  if (net.code == 0) {
    own_net = std::string(net.view());
  } else {
    table.own_net_known = false;
    table.faults.push_back({"read own network namespace", 0, std::strerror(net.code)});
  }
  Reader reader(proc.get(), std::move(own_net), settled, table);
  for (const pid_t pid : wanted)
    if (pid > 0) reader.process(pid);

  const auto key = [](const Holder& holder) { return std::tie(holder.inode, holder.pid); };
  std::sort(table.holders.begin(), table.holders.end(),
            [&](const Holder& a, const Holder& b) { return key(a) < key(b); });
  table.holders.erase(std::unique(table.holders.begin(), table.holders.end(),
                                  [&](const Holder& a, const Holder& b) { return key(a) == key(b); }),
                      table.holders.end());
  table.first_holder = InodeIndex(table.holders.size());
  for (std::size_t i = 0; i < table.holders.size(); ++i) table.first_holder.add(table.holders[i].inode, i);
  const auto fd_key = [](const SocketFd& socket) { return std::tie(socket.pid, socket.fd, socket.inode); };
  std::sort(table.descriptors.begin(), table.descriptors.end(),
            [&](const SocketFd& a, const SocketFd& b) { return fd_key(a) < fd_key(b); });
  sort_unique(table.unreadable);
  sort_unique(table.foreign_net);
}

}  // namespace reaper
