#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
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
constexpr std::size_t kUserNets = 64;
constexpr std::size_t kFileBytes = std::size_t{2} * 1024 * 1024;

constexpr const char* kElsewhere = "list the sockets of another network namespace";

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

// A held socket that no dump shows.
struct Lost {
  std::uint32_t inode;
  Holder by;
  std::string protocol{};  // the kernel's name of it: "TCP", "UDPv6", "UNIX-STREAM"; empty: unreadable
};

// A descriptor may lead to a file on a dead file system by now, so a process that can be killed asks.
void read_protocols(HolderTable& holders, std::vector<Lost>& lost) {
  std::vector<MemoryRequest> requests;
  for (const Lost& each : lost)
    requests.push_back({std::to_string(each.by.task) + "/fd/" + std::to_string(each.by.fd),
                        holders.account_of(each.by.pid)});
  const MemoryFile file{"read the protocols of sockets", 64, kUserProtocols, read_protocol};
  const auto on_answer = [&lost](std::size_t i, int error, std::string_view text) {
    const bool is_closed = is_gone(error) || error == EOPNOTSUPP;
    lost[i].protocol = is_closed ? "closed" : text.substr(0, text.find('\0'));
  };
  if (requests.empty()) return;
  MemoryReader reader(file, holders.proc.fd(), kTimeoutMs, kBudgetMs);
  reader.read(requests, on_answer, &holders.to.faults);
}

// Another network namespace, who is charged for the processes that live there, and its unix sockets.
struct Net : OtherNet {
  bool matters = false;  // an asked process lives there, or another of its user's
  std::set<uid_t> users{};
  std::set<std::uint32_t> sockets{};
};

// The other network namespaces of this host, by id.
std::map<std::string, Net> find_nets(HolderTable& holders) {
  std::set<uid_t> asked;
  for (const auto& [pid, account] : holders.accounts) asked.insert(account);
  asked.erase(0);  // of root's processes only ssh servers and ancestors are asked for
  std::map<std::string, Net> nets;
  ProcDir& proc = holders.proc;
  const auto pids = proc.list();
  if (!pids) holders.add_gap(kElsewhere, pids.failure().what + ": " + error_text(pids.failure().code));
  for (const pid_t pid : pids ? pids.value() : std::vector<pid_t>()) {
    uid_t uid = 0;
    std::string_view link;
    if (proc.owner(pid, &uid) != 0 || proc.link_of(pid, "ns/net", &link) != 0) continue;
    if (link == holders.own_net) continue;
    Net& net = nets[std::string(link)];
    net.id = link;
    net.pids.push_back(pid);
    const uid_t account = holders.owners.of(uid, proc.fd(), pid);
    net.users.insert(account);
    net.matters |= holders.accounts.count(pid) != 0 || asked.count(account) != 0;
  }
  return nets;
}

// Reads a file of a namespace; empty where that fails, which is a fault.
std::string_view read_file(HolderTable& holders, const Net& net, const char* file) {
  std::string_view text;
  const std::string path = std::to_string(net.pids[0]) + "/net/" + file;
  ProcDir& proc = holders.proc;
  const int error = proc.read(proc.fd(), path.c_str(), &text, ProcDir::Records::kMany, kFileBytes);
  if (error != 0) holders.to.faults.push_back({kElsewhere, net.pids[0], path + ": " + error_text(error)});
  return text;
}

// Reads the other network namespaces that matter.
std::vector<Net> look_elsewhere(HolderTable& holders) {
  std::map<uid_t, std::size_t> nets_of;
  std::vector<Net> found;
  for (auto& [id, net] : find_nets(holders)) {
    if (!net.matters) continue;
    bool is_over = false;
    for (const uid_t user : net.users) {
      if (user == 0 || ++nets_of[user] <= kUserNets) continue;
      is_over = true;
      holders.add_over_budget(user, kElsewhere, "this user has too many");
    }
    if (!is_over) {
      for (const std::uint32_t inode : parse_net_unix(read_file(holders, net, "unix")))
        net.sockets.insert(inode);
      const std::string_view devices = read_file(holders, net, "dev");  // two lines of heads first
      net.only_loopback =
          std::count(devices.begin(), devices.end(), '\n') == 3 && devices.find(" lo:") != devices.npos;
    }
    holders.to.other_nets.push_back(net);
    found.push_back(std::move(net));
  }
  return found;
}

}  // namespace

// A bound path may hold newlines that its user chose: what looks like a line then is about that user alone.
std::vector<std::uint32_t> parse_net_unix(std::string_view text) {
  std::vector<std::uint32_t> inodes;
  while (!text.empty()) {
    const std::string line(take_word(text, '\n'));
    unsigned flags = 0, inode = 0;
    char first = '\0';
    if (std::sscanf(line.c_str(), "%*x: %*x %*x %x %*x %*x %u %c", &flags, &inode, &first) < 2) continue;
    // A listener with a path takes clients from every namespace: the list does not show who waits there.
    constexpr unsigned kAcceptsConnections = 0x10000;
    if (flags != kAcceptsConnections || first == '\0' || first == '@') inodes.push_back(inode);
  }
  return inodes;
}

void find_unlisted(SocketTable& sockets) {
  HolderTable& holders = sockets.holders;
  auto& held = holders.held[kSocket];
  std::vector<Lost> lost;
  for (const auto& [inode, holding] : held)
    for (const Holder& holder : holding.by)
      if (!holding.is_listed) lost.push_back({inode, holder});
  read_protocols(holders, lost);
  std::set<std::uint32_t> asked;
  const auto is_explained = [&](const Lost& each) {
    if (connects_nothing(each.protocol)) return true;
    if (each.protocol.rfind("UNIX", 0) == 0 && asked.insert(each.inode).second)
      sockets.find(each.inode, holders.account_of(each.by.pid));
    return held.at(each.inode).is_listed;
  };
  lost.erase(std::remove_if(lost.begin(), lost.end(), is_explained), lost.end());
  if (lost.empty() && !holders.has_foreign) return;
  const std::vector<Net> nets = look_elsewhere(holders);
  std::set<std::pair<pid_t, std::optional<std::string>>> unlisted;
  for (const auto& [inode, holder, protocol] : lost) {
    // Guard: a user who is over a budget, and in doubt, may have any number of namespaces.
    if (holders.to.unreadable.count(holder.pid) != 0) continue;
    // A TCP socket in no list was closed at both ends and keeps its descriptor ("can't identify protocol" in
    // lsof), or is not connected, or is of a namespace in which its user has a process.
    const bool is_tcp = protocol.rfind("TCP", 0) == 0 || protocol.rfind("MPTCP", 0) == 0;
    bool is_found = is_tcp;
    for (const Net& net : nets) {
      if (net.users.count(holders.account_of(holder.pid)) == 0) continue;
      if (!is_tcp && net.sockets.count(inode) == 0) continue;
      unlisted.emplace(holder.pid, net.id);
      is_found = true;
    }
    if (!is_found) unlisted.emplace(holder.pid, std::nullopt);
  }
  for (const auto& [pid, net] : unlisted) holders.to.unlisted.push_back({pid, net});
}

}  // namespace reaper
