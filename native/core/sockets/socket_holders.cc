#include "core/sockets/socket_holders.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

namespace reaper {
namespace {

// The number between: "socket:[INODE]". Netlink reports inodes in 32 bits, so only those are compared. No
// path looks like this: the kernel shows paths with a leading '/'.
std::optional<std::uint32_t> number_in(std::string_view text, std::string_view before,
                                       std::string_view after = "") {
  std::uint64_t number = 0;
  if (text.substr(0, before.size()) != before || text.substr(text.size() - after.size()) != after)
    return std::nullopt;
  text.remove_prefix(before.size());
  text.remove_suffix(after.size());
  if (!to_number(text, number)) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

}  // namespace

HolderTable::HolderTable(const ConnectionOptions& with, ProcDir root, Connections& result)
    : options(with), to(result), proc(std::move(root)), owners(with.owners) {
  std::string_view net;
  if (const int error = proc.link(proc.fd(), "self/ns/net", &net))
    add_gap("read own network namespace", error_text(error));
  own_net = net;
  for (const pid_t pid : std::set<pid_t>(options.pids.begin(), options.pids.end())) read_process(pid);
}

void HolderTable::add_gap(const std::string& what, const std::string& detail) {
  to.complete = false;
  to.faults.insert(to.faults.begin(), {what, 0, detail});  // the core takes the first for the cause
}

void HolderTable::add_over_budget(uid_t account, const char* what, const char* detail) {
  if (!over_budget_.insert(account).second) return;
  to.faults.push_back({what, 0, detail, account});
  for (const auto& [pid, owner] : accounts)
    if (owner == account) to.unreadable.insert(pid);
}

void HolderTable::read_process(pid_t pid) {
  uid_t owner = 0;
  int code = proc.owner(pid, &owner);
  if (is_gone(code)) return;
  const uid_t account = accounts[pid] = owners.of(owner, proc.fd(), pid);
  bool is_empty = true;
  if (code == 0) code = read_task(pid, pid, is_empty);
  // A main thread that has ended shows no descriptors while its other threads go on with theirs (measured).
  if (code == 0 && is_empty)
    code = proc.each_number(std::to_string(pid) + "/task",
                            [&](int, pid_t task) { return read_task(pid, task, is_empty); });
  if (code == 0 || is_gone(code)) return;
  to.unreadable.insert(pid);
  if (code == EDQUOT)
    add_over_budget(account, "list descriptors",
                    "this user's processes have too many; the rest was not read");
  else if (!is_denied(code))
    to.faults.push_back({"list descriptors", pid, error_text(code)});
}

// /proc/TID works for every thread, although /proc lists first threads alone.
int HolderTable::read_task(pid_t pid, pid_t task, bool& is_empty) {
  const uid_t account = account_of(pid);
  // To list a folder costs ms, for the kernel makes an inode per entry.
  if (over_budget_.count(account) != 0) return EDQUOT;
  const auto read = [&](int folder, int fd) {
    is_empty = false;
    const bool is_over = account != 0 && ++used_[account] > options.user_descriptors;
    return is_over ? EDQUOT : read_descriptor(folder, {pid, task, fd});
  };
  const int code = proc.each_number(std::to_string(task) + "/fd", read);
  if (code != 0 && !is_gone(code)) return code;
  std::string_view net;
  const int error = proc.link_of(task, "ns/net", &net);
  has_foreign |= error == 0 && net != own_net;
  return is_gone(error) ? 0 : error;
}

// Links are only read, never followed: a file behind one may hang the reader.
int HolderTable::read_descriptor(int folder, const Holder& holder) {
  const std::string name = std::to_string(holder.fd);
  const auto add = [&](Thing thing, std::uint32_t inode) {
    auto& by = held[thing][inode].by;
    if (by.empty() || by.back().pid != holder.pid) by.push_back(holder);
  };
  std::string_view link;
  int error = proc.link(folder, name.c_str(), &link);
  if (const auto socket = number_in(link, "socket:[", "]")) {
    add(kSocket, *socket);
  } else if (const auto pipe = number_in(link, "pipe:[", "]")) {
    // The link itself shows how the descriptor was opened (proc_pid_fd(5)).
    struct stat info{};
    if (fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) error = errno;
    if (info.st_mode & S_IRUSR) add(kPipeReader, *pipe);
    if (info.st_mode & S_IWUSR) add(kPipeWriter, *pipe);
  } else if (const auto terminal = number_in(link, "/dev/pts/")) {
    add(kTerminal, *terminal);
  } else if (link == "/dev/ptmx" || link == "/dev/pts/ptmx") {
    std::string_view text;
    const std::string path = std::to_string(holder.task) + "/fdinfo/" + name;
    error = proc.read(proc.fd(), path.c_str(), &text);
    while (!text.empty())
      if (const auto index = number_in(take_word(text, '\n'), "tty-index:\t")) add(kMaster, *index);
  }
  return is_gone(error) ? 0 : error;
}

std::vector<pid_t> HolderTable::holders_of(std::uint32_t inode, Thing thing) const {
  std::vector<pid_t> pids;
  if (const auto found = held[thing].find(inode); found != held[thing].end())
    for (const Holder& holder : found->second.by) pids.push_back(holder.pid);
  return pids;
}

}  // namespace reaper
