#include "core/sockets/socket_holders.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
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

// Calls `each` with every numeric entry until it returns an errno. Returns that, or readdir's errno, or 0.
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

struct LinkText {
  char bytes[64];  // "socket:[INODE]" and "net:[INODE]" are shorter, so a longer text is neither
  std::size_t size = 0;
  int code = 0;
  std::string_view view() const { return {bytes, size}; }
};

// Links are only read, never followed: a file behind one may hang the reader.
LinkText read_link(int at, const char* path) {
  LinkText text;
  const ssize_t got = readlinkat(at, path, text.bytes, sizeof text.bytes);
  if (got < 0)
    text.code = errno;
  else
    text.size = static_cast<std::size_t>(got);
  return text;
}

constexpr std::string_view kSocket = "socket:[", kPipe = "pipe:[";

// "socket:[INODE]". Netlink reports inodes in 32 bits, so only those are compared. A path cannot look like
// this: the kernel shows paths with a leading '/'.
std::optional<std::uint32_t> inode_of(std::string_view link, std::string_view prefix) {
  if (link.substr(0, prefix.size()) != prefix || link.back() != ']') return std::nullopt;
  const char* first = link.data() + prefix.size();
  const char* last = link.data() + link.size() - 1;
  std::uint64_t inode = 0;
  const auto parsed = std::from_chars(first, last, inode);
  if (parsed.ec != std::errc() || parsed.ptr != last || inode == 0) return std::nullopt;
  return static_cast<std::uint32_t>(inode);
}

bool by_inode(const Holder& a, const Holder& b) {
  return std::tie(a.inode, a.pid) < std::tie(b.inode, b.pid);
}
bool same_socket(const Holder& a, const Holder& b) { return a.inode == b.inode && a.pid == b.pid; }

// Sorts from the one at `first`, and keeps one of each process's descriptors of one socket.
void sort_unique(std::vector<Holder>& holders, std::size_t first) {
  const auto begin = holders.begin() + static_cast<std::ptrdiff_t>(first);
  std::stable_sort(begin, holders.end(), by_inode);
  holders.erase(std::unique(begin, holders.end(), same_socket), holders.end());
}

}  // namespace

// Reads one process after another.
class HolderTable::Scan {
 public:
  Scan(HolderTable& table, const HolderOptions& options, int proc)
      : table_(table), options_(options), proc_(proc), own_net_(read_link(proc, "self/ns/net")) {
    table_.own_net_known_ = own_net_.code == 0;
    if (own_net_.code != 0)
      table_.faults_.push_back({"read own network namespace", 0, error_text(own_net_.code)});
  }

  void process(pid_t pid) {
    const std::string path = std::to_string(pid);
    struct stat status;
    if (fstatat(proc_, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (!is_gone(errno)) fail(pid, errno);
      return;
    }
    account_ = options_.owners.of(status.st_uid);
    table_.accounts_[pid] = account_;
    const std::size_t first = table_.holders_.size(), first_pipe = table_.pipes_.size();
    std::size_t shown = 0;
    int code = read_task(pid, pid, &shown);
    if (code == 0 && shown == 0) code = read_threads(pid);
    // Guard: thousands of descriptors of one socket must not take the memory.
    sort_unique(table_.holders_, first);
    sort_unique(table_.pipes_, first_pipe);
    if (code != 0) fail(pid, code);
  }

 private:
  void fail(pid_t pid, int code) {
    table_.unreadable_.push_back(pid);
    if (code == EDQUOT) {
      if (!reported_.insert(account_).second) return;
      table_.faults_.push_back({"list descriptors", 0,
                                "the processes of this user have more than " + std::to_string(budget()) +
                                    "; the rest was not read",
                                account_});
    } else if (!is_denied(code)) {
      table_.faults_.push_back({"list descriptors", pid, error_text(code)});
    }
  }

  std::size_t budget() const { return account_ == 0 ? options_.root_descriptors : options_.user_descriptors; }

  // A main thread that has ended shows no descriptors while its other threads continue with theirs
  // (measured).
  int read_threads(pid_t pid) {
    const Dir dir = open_dir(proc_, std::to_string(pid) + "/task");
    if (!dir) return is_gone(errno) ? 0 : errno;
    const int code = each_number(dir.get(), [&](const char* name) {
      std::size_t shown = 0;
      const auto task = static_cast<pid_t>(std::atoi(name));
      return task == pid ? 0 : read_task(pid, task, &shown);
    });
    return is_gone(code) ? 0 : code;
  }

  // /proc/TID works for every thread, although /proc lists first threads alone.
  int read_task(pid_t pid, pid_t task, std::size_t* shown) {
    const int code = read_descriptors(pid, task, shown);
    const LinkText net = read_link(proc_, (std::to_string(task) + "/ns/net").c_str());
    if (net.code == 0 && own_net_.code == 0 && net.view() != own_net_.view())
      table_.foreign_[pid] = std::string(net.view());
    if (code != 0) return code;
    return is_gone(net.code) ? 0 : net.code;
  }

  int read_descriptors(pid_t pid, pid_t task, std::size_t* shown) {
    std::size_t& used = used_[account_];
    if (used > budget()) return EDQUOT;  // to list a folder costs ms, for the kernel makes an inode per entry
    const Dir dir = open_dir(proc_, std::to_string(task) + "/fd");
    if (!dir) return is_gone(errno) ? 0 : errno;
    const int code = each_number(dir.get(), [&](const char* name) {
      ++*shown;
      if (++used > budget()) return EDQUOT;
      const LinkText link = read_link(dirfd(dir.get()), name);
      if (link.code != 0) return is_gone(link.code) ? 0 : link.code;
      if (const auto socket = inode_of(link.view(), kSocket))
        table_.holders_.push_back({*socket, pid, task, std::atoi(name)});
      else if (const auto pipe = inode_of(link.view(), kPipe))
        table_.pipes_.push_back({*pipe, pid, task, std::atoi(name)});
      return 0;
    });
    return is_gone(code) ? 0 : code;  // it ended while it was read
  }

  HolderTable& table_;
  const HolderOptions& options_;
  const int proc_;
  const LinkText own_net_;
  uid_t account_ = 0;
  std::unordered_map<uid_t, std::size_t> used_;
  std::set<uid_t> reported_;
};

void HolderTable::read(const HolderOptions& options) {
  std::vector<pid_t> wanted = options.pids;
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  wanted.erase(wanted.begin(), std::upper_bound(wanted.begin(), wanted.end(), 0));
  const UniqueFd proc(open(options.proc_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc.valid()) {
    faults_.push_back({"open " + options.proc_root, 0, error_text(errno)});
    own_net_known_ = false;
    unreadable_ = std::move(wanted);
    return;
  }
  Scan scan(*this, options, proc.get());
  for (const pid_t pid : wanted) scan.process(pid);
  // The newest descriptor of a socket stays: the stable sort leaves an earlier reading's in front.
  std::reverse(holders_.begin(), holders_.end());
  sort_unique(holders_, 0);
  sort_unique(pipes_, 0);
  std::sort(unreadable_.begin(), unreadable_.end());
  unreadable_.erase(std::unique(unreadable_.begin(), unreadable_.end()), unreadable_.end());
}

HolderTable::Range HolderTable::processes_with(std::uint32_t inode) const {
  const auto first = std::lower_bound(holders_.begin(), holders_.end(), Holder{inode, 0, 0, 0}, by_inode);
  const auto other = [inode](const Holder& holder) { return holder.inode != inode; };
  return {first, std::find_if(first, holders_.end(), other)};
}

bool HolderTable::is_held(std::uint32_t inode) const {
  const auto at = std::lower_bound(holders_.begin(), holders_.end(), Holder{inode, 0, 0, 0}, by_inode);
  return inode != 0 && at != holders_.end() && at->inode == inode;
}

uid_t HolderTable::account_of(pid_t pid) const {
  const auto found = accounts_.find(pid);
  return found == accounts_.end() ? 0 : found->second;
}

bool is_still_held(const std::string& proc_root, const Holder& holder) {
  const std::string path = proc_root + "/" + std::to_string(holder.task) + "/fd/" + std::to_string(holder.fd);
  const LinkText link = read_link(AT_FDCWD, path.c_str());
  return link.code == 0 && inode_of(link.view(), kSocket) == holder.inode;
}

}  // namespace reaper
