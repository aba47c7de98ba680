#include "core/sockets/socket_holders.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>

#include "core/base/folder.h"
#include "core/base/sorted.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

constexpr std::string_view kSocket = "socket:[", kPipe = "pipe:[";

// "socket:[INODE]". Netlink reports inodes in 32 bits, so only those are compared. A path cannot look like
// this: the kernel shows paths with a leading '/'.
std::optional<std::uint32_t> inode_of(std::string_view link, std::string_view prefix) {
  if (link.substr(0, prefix.size()) != prefix || link.back() != ']') return std::nullopt;
  std::uint64_t inode = 0;
  const std::string_view digits = link.substr(prefix.size(), link.size() - prefix.size() - 1);
  if (!to_number(digits, inode) || inode == 0) return std::nullopt;
  return static_cast<std::uint32_t>(inode);
}

bool by_inode(const Holder& a, const Holder& b) {
  return std::tie(a.inode, a.pid) < std::tie(b.inode, b.pid);
}
bool same_socket(const Holder& a, const Holder& b) { return a.inode == b.inode && a.pid == b.pid; }

// Sorts from the one at `first`, and keeps one of each process's descriptors of one socket.
void keep_first(std::vector<Holder>& holders, std::size_t first) {
  const auto begin = holders.begin() + static_cast<std::ptrdiff_t>(first);
  std::stable_sort(begin, holders.end(), by_inode);
  holders.erase(std::unique(begin, holders.end(), same_socket), holders.end());
}

}  // namespace

// Reads one process after another.
class HolderTable::Scan {
 public:
  Scan(HolderTable& table, const HolderOptions& options, ProcDir& proc)
      : table_(table), options_(options), proc_(proc) {
    std::string_view net;
    const int error = proc.link(proc.fd(), "self/ns/net", &net);
    own_net_ = std::string(error == 0 ? net : "");
    table_.own_net_known_ = error == 0;
    if (error != 0) table_.faults_.push_back({"read own network namespace", 0, error_text(error)});
  }

  void process(pid_t pid) {
    uid_t owner = 0;
    if (const int error = proc_.owner(pid, &owner)) {
      if (!is_gone(error)) fail(pid, error);
      return;
    }
    account_ = options_.owners.of(owner);
    table_.accounts_[pid] = account_;
    const std::size_t first = table_.holders_.size();
    const std::size_t reader = table_.readers_.size(), writer = table_.writers_.size();
    std::size_t shown = 0;
    int code = read_task(pid, pid, &shown);
    if (code == 0 && shown == 0) code = read_threads(pid);
    // Guard: thousands of descriptors of one socket must not take the memory.
    keep_first(table_.holders_, first);
    keep_first(table_.readers_, reader);
    keep_first(table_.writers_, writer);
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
    return each_number(pid, "task", [&](int, const char*, pid_t task) {
      std::size_t shown = 0;
      return task == pid ? 0 : read_task(pid, task, &shown);
    });
  }

  // /proc/TID works for every thread, although /proc lists first threads alone.
  int read_task(pid_t pid, pid_t task, std::size_t* shown) {
    const int code = read_descriptors(pid, task, shown);
    std::string_view net;
    const int error = proc_.link_of(task, "ns/net", &net);
    if (error == 0 && table_.own_net_known_ && net != own_net_) table_.foreign_[pid] = std::string(net);
    return code != 0 || is_gone(error) ? code : error;
  }

  int read_descriptors(pid_t pid, pid_t task, std::size_t* shown) {
    std::size_t& used = used_[account_];
    if (used > budget()) return EDQUOT;  // to list a folder costs ms, for the kernel makes an inode per entry
    return each_number(task, "fd", [&](int folder, const char* name, int fd) {
      ++*shown;
      if (++used > budget()) return EDQUOT;
      // Links are only read, never followed: a file behind one may hang the reader.
      std::string_view link;
      if (const int error = proc_.link(folder, name, &link)) return is_gone(error) ? 0 : error;
      if (const auto socket = inode_of(link, kSocket)) table_.holders_.push_back({*socket, pid, task, fd});
      if (const auto pipe = inode_of(link, kPipe)) {
        // The link itself shows how the descriptor was opened (proc_pid_fd(5)).
        struct stat info;
        if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return is_gone(errno) ? 0 : errno;
        if (info.st_mode & S_IRUSR) table_.readers_.push_back({*pipe, pid, task, fd});
        if (info.st_mode & S_IWUSR) table_.writers_.push_back({*pipe, pid, task, fd});
      }
      return 0;
    });
  }

  // Calls `each` with every numeric entry of a process's folder; 0 also where the process ended meanwhile.
  template <typename Each>
  int each_number(pid_t task, const char* folder, Each each) {
    const std::string path = std::to_string(task) + "/" + folder;
    const int code = each_entry(proc_.fd(), path.c_str(), [&](int fd, const char* name) {
      int number = 0;
      return to_number(name, number) ? each(fd, name, number) : 0;
    });
    return is_gone(code) ? 0 : code;
  }

  HolderTable& table_;
  const HolderOptions& options_;
  ProcDir& proc_;
  std::string own_net_;
  uid_t account_ = 0;
  std::unordered_map<uid_t, std::size_t> used_;
  std::set<uid_t> reported_;
};

void HolderTable::read(const HolderOptions& options) {
  std::vector<pid_t> wanted = options.pids;
  sort_unique(wanted);
  wanted.erase(wanted.begin(), std::upper_bound(wanted.begin(), wanted.end(), 0));
  auto proc = ProcDir::open(options.proc_root);
  if (!proc) {
    faults_.push_back({proc.failure().what, 0, error_text(proc.failure().code)});
    own_net_known_ = false;
    unreadable_ = std::move(wanted);
    return;
  }
  Scan scan(*this, options, proc.value());
  for (const pid_t pid : wanted) scan.process(pid);
  // The newest descriptor of a socket stays: the stable sort leaves an earlier reading's in front.
  std::reverse(holders_.begin(), holders_.end());
  keep_first(holders_, 0);
  keep_first(readers_, 0);
  keep_first(writers_, 0);
  sort_unique(unreadable_);
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
  auto proc = ProcDir::open(proc_root);
  std::string_view link;
  const std::string name = "fd/" + std::to_string(holder.fd);
  return proc && proc.value().link_of(holder.task, name.c_str(), &link) == 0 &&
         inode_of(link, kSocket) == holder.inode;
}

}  // namespace reaper
