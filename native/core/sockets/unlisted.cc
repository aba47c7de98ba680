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

// Every socket has this attribute (net/socket.c), whatever its family.
int read_protocol(const char* path, const MemoryFile& file, char* to, HelperAnswer* answer) {
  answer->cost = 1;
  const ssize_t got = getxattr(path, "system.sockprotoname", to, file.most);
  if (got < 0) return errno;
  answer->length = static_cast<std::uint32_t>(got);
  return 0;
}

// Protocols that connect nothing to a server. An unreadable name is not among them.
bool is_connectionless(std::string_view protocol) {
  for (const char* name : {"UDP", "UDPv6", "UDP-Lite", "UDPLITEv6", "NETLINK", "PACKET", "RAW", "RAWv6",
                           "PING", "PINGv6", "ALG", "KEY", "XDP", "CAN_RAW", "CAN_BCM"})
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

// The kernel's names of the sockets' protocols ("TCP", "UDPv6", "UNIX-STREAM", "NETLINK"); empty: it could
// not be read. A descriptor may lead to a file on a dead file system by now, so a process that can be killed
// asks.
std::vector<std::string> read_protocols(const std::string& proc_root, const HolderTable& holders,
                                        const std::vector<Holder>& sockets, std::vector<Fault>& faults) {
  std::vector<std::string> names(sockets.size());
  auto proc = ProcDir::open(proc_root);
  if (!proc) return names;
  std::vector<MemoryRequest> requests;
  for (const auto& [inode, pid, task, fd] : sockets)
    requests.push_back({std::to_string(task) + "/fd/" + std::to_string(fd), holders.account_of(pid)});
  const MemoryFile file{"read the protocols of sockets", 64, kUserProtocols, read_protocol};
  const auto on_answer = [&names](std::size_t i, int error, std::string_view text) {
    if (error == 0) names[i] = std::string(text.substr(0, text.find('\0')));
  };
  MemoryReader(file, proc.value().fd(), kTimeoutMs, kBudgetMs).read(requests, on_answer, &faults);
  return names;
}

struct Net {
  std::vector<pid_t> pids;
  std::set<uid_t> accounts;  // of them
  uid_t account = 0;         // the one that is charged
  std::optional<std::vector<std::uint32_t>> sockets{};
};

// The other network namespaces in which an asked process lives, or one of an asked process's user.
class Nets {
 public:
  Nets(const HolderOptions& options, const HolderTable& holders, std::vector<Fault>& faults)
      : options_(options), faults_(faults), proc_(ProcDir::open(options.proc_root)) {
    const auto pids = proc_ ? proc_.value().list() : Result<std::vector<pid_t>>(proc_.failure());
    if (!pids) {
      fault("list network namespaces", pids.failure());
      return;
    }
    std::set<uid_t> asked;
    for (const auto& [pid, account] : holders.accounts)
      if (account != 0) asked.insert(account);
    for (const pid_t pid : pids.value()) {
      uid_t uid = 0;
      std::string_view link;
      if (proc_.value().owner(pid, &uid) != 0 || proc_.value().link_of(pid, "ns/net", &link) != 0) continue;
      if (link == holders.own_net) continue;
      Net& net = nets_[std::string(link)];
      net.pids.push_back(pid);
      net.accounts.insert(options.owners.of(uid));
    }
    std::set<std::string> lived_in;
    for (const auto& [pid, id] : holders.foreign) lived_in.insert(id);
    for (auto at = nets_.begin(); at != nets_.end();) {
      const auto owner = std::find_if(at->second.accounts.begin(), at->second.accounts.end(),
                                      [&asked](uid_t account) { return asked.count(account) != 0; });
      const bool matters = owner != at->second.accounts.end() || lived_in.count(at->first) != 0;
      if (matters && owner != at->second.accounts.end()) at->second.account = *owner;
      at = matters ? std::next(at) : nets_.erase(at);
    }
  }

  bool has(uid_t account) const {
    return std::any_of(nets_.begin(), nets_.end(),
                       [account](const auto& net) { return net.second.accounts.count(account) != 0; });
  }

  // The namespace of this user's whose list shows the socket.
  std::optional<std::string> find(std::uint32_t inode, uid_t account) {
    for (auto& [id, net] : nets_) {
      if (net.accounts.count(account) == 0) continue;
      if (!net.sockets) net.sockets = read_sockets(net);
      if (contains(*net.sockets, inode)) return id;
    }
    return std::nullopt;
  }

  std::vector<OtherNet> take() {
    std::vector<OtherNet> all;
    for (auto& [id, net] : nets_) {
      const bool alone = has_only_loopback(net);
      all.push_back({id, std::move(net.pids), alone});
    }
    return all;
  }

 private:
  void fault(const char* what, const Failure& failure, std::optional<uid_t> uid = std::nullopt) {
    faults_.push_back({what, 0, failure.what + ": " + error_text(failure.code), uid});
  }

  // A file below /proc/PID/net of one of the processes; nullopt, and a fault: unreadable, or over a budget.
  std::optional<std::string_view> read(const Net& net, const char* name) {
    std::size_t& used = bytes_of_[net.account];
    const std::size_t left = net.account == 0 ? kUserBytes : kUserBytes - std::min(used, kUserBytes);
    const std::string path = std::to_string(net.pids.front()) + "/net/" + name;
    std::string_view text;
    const int error =
        proc_.value().read(proc_.value().fd(), path.c_str(), &text, ProcDir::Records::kMany, left);
    used += kReadBytes + text.size();
    if (error == 0 || (error == ENOENT && name == std::string_view("tcp6"))) return text;
    fault("list the sockets of another network namespace", {error, options_.proc_root + "/" + path},
          error == EFBIG ? std::optional(net.account) : std::nullopt);
    return std::nullopt;
  }

  std::vector<std::uint32_t> read_sockets(const Net& net) {
    std::vector<std::uint32_t> inodes;
    for (const auto& [name, is_unix] : {std::pair("tcp", false), {"tcp6", false}, {"unix", true}}) {
      const auto text = read(net, name);
      if (text && !text->empty() && !parse_net_sockets(*text, is_unix, inodes))
        fault("list the sockets of another network namespace", {EBADMSG, name});
    }
    sort_unique(inodes);
    return inodes;
  }

  // Two lines of heads, then one per device, "name:" first.
  bool has_only_loopback(const Net& net) {
    const auto text = read(net, "dev");
    if (!text) return false;
    std::string_view rest = *text;
    take_word(rest, '\n');
    take_word(rest, '\n');
    bool only = !rest.empty();
    while (!rest.empty()) {
      std::string_view line = take_word(rest, '\n');
      only &= next_word(line) == "lo:";
    }
    return only;
  }

  const HolderOptions& options_;
  std::vector<Fault>& faults_;
  Result<ProcDir> proc_;
  std::map<std::string, Net> nets_;
  std::unordered_map<uid_t, std::size_t> bytes_of_;
};

}  // namespace

// net/tcp: the tenth word is the inode. net/unix: the seventh, of a line that begins with an address; a bound
// path may hold newlines that its user chose.
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
    if (is_record) inodes.push_back(static_cast<std::uint32_t>(inode));
    if (!is_record && !is_unix) return false;
  }
  return true;
}

void find_unlisted(SocketTable& sockets, Connections& to) {
  const auto& [options, holders] = std::tie(sockets.options, sockets.holders);
  std::vector<Holder> lost;
  for (const Holder& holder : holders.held[kSocket])
    if (sockets.known.count(holder.inode) == 0) lost.push_back(holder);
  if (lost.empty() && holders.foreign.empty()) return;
  const std::vector<std::string> protocols = read_protocols(options.proc_root, holders, lost, to.faults);
  std::optional<Nets> nets;
  if (!holders.foreign.empty()) nets.emplace(options, holders, to.faults);
  std::set<std::tuple<pid_t, std::string, Kind>> seen;
  std::uint32_t absent = 0;
  for (std::size_t i = 0; i < lost.size(); ++i) {
    const auto& [inode, pid, task, fd] = lost[i];
    const Kind kind = kind_of(protocols[i]);
    const uid_t account = holders.account_of(pid);
    if (is_connectionless(protocols[i]) || sockets.known.count(inode) != 0) continue;
    if (kind == Kind::kUnix && inode != absent) {
      if (sockets.find(inode, account)) continue;
      absent = inode;
    }
    if (!nets) nets.emplace(options, holders, to.faults);
    const auto net = nets->find(inode, account);
    // A TCP socket in no list was closed at both ends and keeps its descriptor ("can't identify protocol" in
    // lsof), or is not connected, unless it is of another namespace: then its user has a process in one.
    // Of root's processes only ssh servers are asked for.
    if (kind == Kind::kTcp && !net && (account == 0 || !nets->has(account))) continue;
    if (!net && !is_still_held(options.proc_root, lost[i])) continue;
    if (seen.emplace(pid, net.value_or(""), kind).second) to.unlisted.push_back({pid, net, kind});
  }
  if (nets) to.other_nets = nets->take();
}

}  // namespace reaper
