#include <sys/socket.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <string_view>

#include "core/base/sorted.h"
#include "core/killable/reader.h"
#include "core/proc/proc_dir.h"
#include "core/sockets/socket_table.h"

namespace reaper {
namespace {

// Guard: one user may hold any number of sockets whose protocol must be asked for, each of which costs 5 us.
constexpr std::uint64_t kUserProtocols = 16384;
constexpr int kTimeoutMs = 200, kBudgetMs = 2000;
// Guard: a user may make namespaces and sockets in any number. So many bytes of each user's are read; a file
// costs as many besides (it takes a few ms, for the kernel walks a table of the whole host).
constexpr std::size_t kUserBytes = std::size_t{32} * 1024 * 1024, kReadBytes = 128 * 1024;

// Every socket has this attribute (net/socket.c), whatever its family; no other file has it.
int read_protocol(const char* path, const MemoryFile& file, char* to, HelperAnswer* answer) {
  answer->cost = 1;
  const ssize_t got = getxattr(path, "system.sockprotoname", to, file.most);
  if (got < 0) return errno;
  answer->length = static_cast<std::uint32_t>(got);
  return 0;
}

// Those that connect nothing to a server, and what has been closed. An unreadable name is not among them.
bool connects_nothing(std::string_view protocol) {
  for (const char* name : {"UDP", "UDPv6", "UDP-Lite", "UDPLITEv6", "NETLINK", "PACKET", "RAW", "RAWv6",
                           "PING", "PINGv6", "ALG", "KEY", "XDP", "CAN_RAW", "CAN_BCM", "closed"})
    if (protocol == name) return true;
  return false;
}

std::string_view next_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  return take_word(rest, ' ');
}

Kind kind_of(std::string_view protocol) {
  const auto starts = [protocol](std::string_view with) { return protocol.substr(0, with.size()) == with; };
  return starts("UNIX") ? Kind::kUnix : starts("TCP") || starts("MPTCP") ? Kind::kTcp : Kind::kOther;
}

// A held socket that no dump shows.
struct Lost {
  std::uint32_t inode;
  pid_t pid;
  Descriptor at;
};

// The kernel's names of the sockets' protocols ("TCP", "UDPv6", "UNIX-STREAM", "NETLINK"); empty: it could
// not be read. A descriptor may lead to a file on a dead file system by now, so a process that can be killed
// asks.
std::vector<std::string> read_protocols(const std::string& proc_root, const HolderTable& holders,
                                        const std::vector<Lost>& sockets, std::vector<Fault>& faults) {
  std::vector<std::string> names(sockets.size());
  auto proc = ProcDir::open(proc_root);
  if (!proc) return names;
  std::vector<MemoryRequest> requests;
  for (const auto& [inode, pid, at] : sockets)
    requests.push_back({std::to_string(at.task) + "/fd/" + std::to_string(at.fd), holders.account_of(pid)});
  const MemoryFile file{"read the protocols of sockets", 64, kUserProtocols, read_protocol};
  const auto on_answer = [&names](std::size_t i, int error, std::string_view text) {
    if (error == 0) names[i] = text.substr(0, text.find('\0'));
    if (is_gone(error) || error == ENODATA || error == EOPNOTSUPP) names[i] = "closed";
  };
  MemoryReader(file, proc.value().fd(), kTimeoutMs, kBudgetMs).read(requests, on_answer, &faults);
  return names;
}

struct Net {
  std::vector<pid_t> pids;
  std::set<uid_t> accounts;  // of them
  bool is_read = false, matters = false;
};

// The other network namespaces of the host.
class Nets {
 public:
  Nets(const SocketTable& sockets, Connections& to)
      : root_(sockets.options.proc_root), to_(to), proc_(ProcDir::open(root_)) {
    const auto pids = proc_ ? proc_.value().list() : Result<std::vector<pid_t>>(proc_.failure());
    if (!pids) to_.faults.push_back({pids.failure().what, 0, error_text(pids.failure().code)});
    std::set<uid_t> asked;
    for (const auto& [pid, account] : sockets.holders.accounts) asked.insert(account);
    for (const pid_t pid : pids ? pids.value() : std::vector<pid_t>()) {
      uid_t uid = 0;
      std::string_view link;
      if (proc_.value().owner(pid, &uid) != 0 || proc_.value().link_of(pid, "ns/net", &link) != 0) continue;
      if (link == sockets.holders.own_net) continue;
      const uid_t account = sockets.options.owners.of(uid);
      Net& net = nets_[std::string(link)];
      net.pids.push_back(pid);
      net.accounts.insert(account);
      net.matters |= sockets.holders.foreign.count(pid) != 0 || (account != 0 && asked.count(account) != 0);
    }
  }

  bool has(uid_t account) const {
    return std::any_of(nets_.begin(), nets_.end(),
                       [=](auto& net) { return net.second.accounts.count(account); });
  }

  // The namespace whose list shows the socket, among those in which the user has a process.
  std::optional<std::string> find(std::uint32_t inode, uid_t account) {
    for (auto& [id, net] : nets_) {
      if (net.is_read || net.accounts.count(account) == 0) continue;
      net.is_read = true;
      std::vector<std::uint32_t> inodes;
      for (const auto& [name, is_unix] : {std::pair("tcp", false), {"tcp6", false}, {"unix", true}})
        if (const auto text = read(net, name, account);
            !text.empty() && !parse_net_sockets(text, is_unix, inodes))
          to_.faults.push_back({kFault, net.pids[0], "malformed: " + std::string(name)});
      for (const std::uint32_t each : inodes) listed_.emplace(each, id);
    }
    const auto found = listed_.find(inode);
    return found == listed_.end() ? std::nullopt : std::optional(found->second);
  }

  void take() {
    for (auto& [id, net] : nets_) {
      if (!net.matters) continue;
      // Two lines of heads, then one per device, "name:" first.
      std::string_view text = read(net, "dev", *net.accounts.rbegin());
      take_word(text, '\n');
      take_word(text, '\n');
      bool only_loopback = !text.empty();
      while (!text.empty()) {
        std::string_view line = take_word(text, '\n');
        only_loopback &= next_word(line) == "lo:";
      }
      to_.other_nets.push_back({id, std::move(net.pids), only_loopback});
    }
  }

 private:
  static constexpr const char* kFault = "list the sockets of another network namespace";

  // A file below /proc/PID/net; empty, and a fault: unreadable, or the user is over the budget.
  std::string_view read(const Net& net, const std::string& name, uid_t account) {
    std::size_t& used = bytes_of_[account];
    const std::string path = std::to_string(net.pids[0]) + "/net/" + name;
    const std::size_t left = account == 0 ? kUserBytes : kUserBytes - std::min(used, kUserBytes);
    std::string_view text;
    int error = left == 0 ? EFBIG : 0;
    if (error == 0)
      error = proc_.value().read(proc_.value().fd(), path.c_str(), &text, ProcDir::Records::kMany, left);
    const bool was_over = used > kUserBytes;
    used += error == EFBIG ? kUserBytes : kReadBytes + text.size();
    if (error == EFBIG && !was_over)
      to_.faults.push_back({kFault, 0, "this user has too many, or too many sockets", account});
    if (error != 0 && error != EFBIG && (error != ENOENT || name != "tcp6"))
      to_.faults.push_back({kFault, net.pids[0], root_ + "/" + path + ": " + error_text(error)});
    return error == 0 ? text : std::string_view();
  }

  const std::string& root_;
  Connections& to_;
  Result<ProcDir> proc_;
  std::map<std::string, Net> nets_;
  std::unordered_map<std::uint32_t, std::string> listed_;
  std::unordered_map<uid_t, std::size_t> bytes_of_;
};

}  // namespace

// net/tcp: the tenth word is the inode. net/unix: the seventh, of a line that begins with an address; a bound
// path may hold newlines that its user chose. Left out is a listener with a path, which takes clients from
// every namespace: the list does not show who waits there.
bool parse_net_sockets(std::string_view text, bool is_unix, std::vector<std::uint32_t>& inodes) {
  if (text.empty() || text.back() != '\n') return false;  // cut
  take_word(text, '\n');
  while (!text.empty()) {
    std::string_view line = take_word(text, '\n');
    std::array<std::string_view, 10> words;
    for (auto& word : words) word = next_word(line);
    std::uint64_t inode = 0;
    const bool is_record =
        !words[0].empty() && words[0].back() == ':' && to_number(words[is_unix ? 6 : 9], inode);
    // The fourth word is the flags, in hexadecimal.
    const bool is_open = is_unix && words[3] == "00010000" && !words[7].empty() && words[7][0] != '@';
    if (is_record && !is_open) inodes.push_back(static_cast<std::uint32_t>(inode));
    if (!is_record && !is_unix) return false;
  }
  return true;
}

void find_unlisted(SocketTable& sockets, Connections& to) {
  const auto& [options, holders] = std::tie(sockets.options, sockets.holders);
  std::vector<Lost> lost;
  for (const auto& [inode, pids] : holders.held[kSocket])
    for (const auto& [pid, at] : pids)
      if (sockets.known.count(inode) == 0) lost.push_back({inode, pid, at});
  if (lost.empty() && holders.foreign.empty()) return;
  const std::vector<std::string> protocols = read_protocols(options.proc_root, holders, lost, to.faults);
  std::optional<Nets> nets;
  if (!holders.foreign.empty()) nets.emplace(sockets, to);
  std::set<std::tuple<pid_t, std::string, Kind>> seen;
  std::uint32_t absent = 0;
  for (std::size_t i = 0; i < lost.size(); ++i) {
    const auto& [inode, pid, at] = lost[i];
    const uid_t account = holders.account_of(pid);
    const Kind kind = kind_of(protocols[i]);
    if (connects_nothing(protocols[i]) || sockets.known.count(inode) != 0) continue;
    if (kind == Kind::kUnix && inode != absent && sockets.find(inode, account)) continue;
    absent = inode;
    if (!nets) nets.emplace(sockets, to);
    const auto net = nets->find(inode, account);
    // A TCP socket in no list was closed at both ends and keeps its descriptor ("can't identify protocol" in
    // lsof), or is not connected, unless it is of another namespace: then its user has a process in one.
    // Of root's processes only ssh servers are asked for.
    if (kind == Kind::kTcp && !net && (account == 0 || !nets->has(account))) continue;
    if (seen.emplace(pid, net.value_or(""), kind).second) to.unlisted.push_back({pid, net, kind});
  }
  if (nets) nets->take();
}

}  // namespace reaper
