#include <sys/socket.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <string_view>

#include "core/killable/reader.h"
#include "core/proc/proc_dir.h"
#include "core/sockets/socket_table.h"

namespace reaper {
namespace {

// Guard: one user may hold any number of sockets whose protocol must be asked for, each of which costs 5 us.
constexpr std::uint64_t kUserProtocols = 16384;
constexpr int kTimeoutMs = 200, kBudgetMs = 2000;
// Guard: a user may make namespaces and sockets in any number. So many of each user's are read, and no longer
// lists (2 MiB have 15,000 sockets).
constexpr int kUserNets = 64;
constexpr std::size_t kFileBytes = std::size_t{2} * 1024 * 1024;

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

// A held socket that no dump shows.
struct Lost {
  std::uint32_t inode;
  pid_t pid;
  Descriptor at;
  std::string protocol{};  // the kernel's name of it: "TCP", "UDPv6", "UNIX-STREAM"; empty: unreadable
};

// A descriptor may lead to a file on a dead file system by now, so a process that can be killed asks.
void read_protocols(const SocketTable& sockets, std::vector<Lost>& lost, std::vector<Fault>& faults) {
  auto proc = ProcDir::open(sockets.options.proc_root);
  if (!proc) return;
  std::vector<MemoryRequest> requests;
  for (const Lost& each : lost)
    requests.push_back({std::to_string(each.at.task) + "/fd/" + std::to_string(each.at.fd),
                        sockets.holders.account_of(each.pid)});
  const MemoryFile file{"read the protocols of sockets", 64, kUserProtocols, read_protocol};
  const auto on_answer = [&lost](std::size_t i, int error, std::string_view text) {
    if (error == 0) lost[i].protocol = text.substr(0, text.find('\0'));
    if (is_gone(error) || error == ENODATA || error == EOPNOTSUPP) lost[i].protocol = "closed";
  };
  MemoryReader(file, proc.value().fd(), kTimeoutMs, kBudgetMs).read(requests, on_answer, &faults);
}

struct Net {
  std::vector<pid_t> pids;
  std::set<uid_t> accounts;  // of them
  bool matters = false;
};

// The other network namespaces of the host: who has a process in one, and the unix sockets that those of the
// asked users list.
class Nets {
 public:
  Nets(const SocketTable& sockets, Connections& to)
      : sockets_(sockets), to_(to), proc_(ProcDir::open(sockets.options.proc_root)) {
    const auto pids = proc_ ? proc_.value().list() : Result<std::vector<pid_t>>(proc_.failure());
    if (!pids) to_.faults.push_back({pids.failure().what, 0, error_text(pids.failure().code)});
    Owners owners = sockets.holders.owners;
    std::map<std::string, Net> nets;
    for (const pid_t pid : pids ? pids.value() : std::vector<pid_t>()) {
      uid_t uid = 0;
      std::string_view link;
      if (proc_.value().owner(pid, &uid) != 0 || proc_.value().link_of(pid, "ns/net", &link) != 0) continue;
      if (link == sockets.holders.own_net) continue;
      const uid_t account = owners.of(uid, proc_.value().fd(), pid);
      Net& net = nets[std::string(link)];
      net.pids.push_back(pid);
      net.accounts.insert(account);
      net.matters |= is_asked(pid, account);
      users_.insert(account);
    }
    for (auto& [id, net] : nets)
      if (net.matters) add(id, net);
  }

  bool has(uid_t account) const { return users_.count(account) != 0; }

  // The namespace that lists the unix socket, of those in which the user has a process.
  std::optional<std::string> find(std::uint32_t inode, uid_t account) const {
    const auto found = listed_.find({account, inode});
    return found == listed_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  bool is_asked(pid_t pid, uid_t account) const {
    const auto& asked = sockets_.holders.accounts;
    return asked.count(pid) != 0 ||
           (account != 0 && std::any_of(asked.begin(), asked.end(),
                                        [account](const auto& each) { return each.second == account; }));
  }

  void add(const std::string& id, Net& net) {
    const uid_t account = *net.accounts.rbegin();
    const bool is_over = account != 0 && ++nets_of_[account] > kUserNets;
    if (is_over && nets_of_[account] == kUserNets + 1)
      to_.faults.push_back({kFault, 0, "this user has too many", account});
    std::vector<std::uint32_t> inodes;
    if (!is_over && !parse_net_unix(read(net, "unix"), inodes))
      to_.faults.push_back({kFault, net.pids[0], "malformed: unix"});
    for (const std::uint32_t inode : inodes)
      for (const uid_t user : net.accounts) listed_.emplace(std::pair(user, inode), id);
    // Two lines of heads, then one for each device.
    const std::string_view devices = is_over ? std::string_view() : read(net, "dev");
    const bool only_loopback = std::count(devices.begin(), devices.end(), '\n') == 3 &&
                               devices.find(" lo:") != std::string_view::npos;
    to_.other_nets.push_back({id, std::move(net.pids), only_loopback});
  }

  // A file below /proc/PID/net; empty, and a fault: unreadable, or too long.
  std::string_view read(const Net& net, const char* name) {
    const std::string path = std::to_string(net.pids[0]) + "/net/" + name;
    std::string_view text;
    const int error =
        proc_.value().read(proc_.value().fd(), path.c_str(), &text, ProcDir::Records::kMany, kFileBytes);
    if (error != 0) to_.faults.push_back({kFault, net.pids[0], path + ": " + error_text(error)});
    return text;
  }

  static constexpr const char* kFault = "list the sockets of another network namespace";

  const SocketTable& sockets_;
  Connections& to_;
  Result<ProcDir> proc_;
  std::set<uid_t> users_;
  std::map<std::pair<uid_t, std::uint32_t>, std::string> listed_;
  std::map<uid_t, int> nets_of_;
};

}  // namespace

// The seventh word of a line that begins with an address; a bound path may hold newlines that its user chose.
bool parse_net_unix(std::string_view text, std::vector<std::uint32_t>& inodes) {
  if (!text.empty() && text.back() != '\n') return false;  // cut
  take_word(text, '\n');
  while (!text.empty()) {
    std::string_view line = take_word(text, '\n');
    std::array<std::string_view, 8> words;
    for (auto& word : words) word = next_word(line);
    std::uint64_t inode = 0;
    if (words[0].empty() || words[0].back() != ':' || !to_number(words[6], inode)) continue;
    // The fourth word is the flags, in hexadecimal. A listener with a path takes clients from every
    // namespace: the list does not show who waits there.
    const bool is_open = words[3] == "00010000" && !words[7].empty() && words[7][0] != '@';
    if (!is_open) inodes.push_back(static_cast<std::uint32_t>(inode));
  }
  return true;
}

void find_unlisted(SocketTable& sockets, Connections& to) {
  const HolderTable& holders = sockets.holders;
  std::vector<Lost> lost;
  for (const auto& [inode, pids] : holders.held[kSocket])
    for (const auto& [pid, at] : pids)
      if (sockets.known.count(inode) == 0) lost.push_back({inode, pid, at});
  if (lost.empty() && !holders.has_foreign) return;
  read_protocols(sockets, lost, to.faults);
  std::optional<Nets> nets;
  if (holders.has_foreign) nets.emplace(sockets, to);
  std::set<std::tuple<pid_t, std::string, Kind>> seen;
  std::uint32_t absent = 0;
  for (const auto& [inode, pid, at, protocol] : lost) {
    const uid_t account = holders.account_of(pid);
    const auto starts = [&name = protocol](const char* with) { return name.rfind(with, 0) == 0; };
    const Kind kind = starts("UNIX")                     ? Kind::kUnix
                      : starts("TCP") || starts("MPTCP") ? Kind::kTcp
                                                         : Kind::kOther;
    if (connects_nothing(protocol) || sockets.known.count(inode) != 0) continue;
    if (kind == Kind::kUnix && inode != absent && !sockets.find(inode, account)) continue;
    absent = inode;
    if (!nets) nets.emplace(sockets, to);
    // A TCP socket in no list was closed at both ends and keeps its descriptor ("can't identify protocol" in
    // lsof), or is not connected, unless it is of another namespace: then its user has a process in one.
    // Of root's processes only ssh servers are asked for.
    if (kind == Kind::kTcp && (account == 0 || !nets->has(account))) continue;
    const auto net = kind == Kind::kUnix ? nets->find(inode, account) : std::nullopt;
    if (seen.emplace(pid, net.value_or(""), kind).second) to.unlisted.push_back({pid, net, kind});
  }
}

}  // namespace reaper
