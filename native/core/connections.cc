#include "core/connections.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <tuple>
#include <utility>

#include "core/fd_table.h"
#include "core/netlink.h"
#include "core/socket_table.h"

namespace reaper {
namespace {

// Pairs of one socket's holders are all listed up to this many, beyond that enough of them to join the same
// processes: a user whose thousand children inherit a thousand sockets could ask for 10^9 pairs.
constexpr std::size_t kAllPairs = 256;
// So many sockets of one address are looked at; SO_REUSEPORT lets a user have any number of them.
constexpr int kSameAddress = 256;

using PidRange = FdTable::Range;
using FourTuple = std::pair<Endpoint, Endpoint>;

FourTuple mirror_of(const TcpRecord& record) { return {record.remote, record.local}; }
FourTuple tuple_of(const TcpRecord& record) { return {record.local, record.remote}; }

// The other end is on this host: 127.0.0.0/8, ::1, or the same address on both sides.
bool is_local(const TcpRecord& record) {
  static constexpr Endpoint kLoopback6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  static constexpr Endpoint kLoopback4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
  const Endpoint& remote = record.remote;
  return std::memcmp(remote.data(), kLoopback6.data(), 16) == 0 ||
         std::memcmp(remote.data(), kLoopback4.data(), 13) == 0 ||
         std::memcmp(remote.data(), record.local.data(), 16) == 0;
}

bool is_zero(std::uint32_t inode) { return inode == 0; }

// The records that matter, found by sorting and searching: users choose addresses and ports, so a hash table
// of them could be made slow.
class Table {
 public:
  Table(const SocketTable& sockets, const FdTable& fds) : fds_(fds) {
    std::vector<FourTuple> wanted;
    for (const TcpRecord& record : sockets.tcp) {
      if (record.listening || record.inode == 0 || !fds.is_held(record.inode)) continue;
      held_tcp_.push_back(&record);
      wanted.push_back(mirror_of(record));
    }
    std::sort(wanted.begin(), wanted.end());
    for (const TcpRecord& record : sockets.tcp) {
      FourTuple key = tuple_of(record);
      if (std::binary_search(wanted.begin(), wanted.end(), key)) mirrors_.emplace_back(key, record.inode);
    }
    std::sort(mirrors_.begin(), mirrors_.end());
    mirrors_.erase(std::unique(mirrors_.begin(), mirrors_.end()), mirrors_.end());
    std::vector<std::uint32_t> peers;
    for (const UnixRecord& record : sockets.local) {
      if (record.inode == 0 || !fds.is_held(record.inode)) continue;
      held_unix_.push_back(&record);
      peers.push_back(record.peer);
    }
    std::sort(peers.begin(), peers.end());
    for (const UnixRecord& record : sockets.local)
      if (!record.name.empty() && std::binary_search(peers.begin(), peers.end(), record.inode))
        named_peers_.emplace_back(record.inode, &record.name);
    std::sort(named_peers_.begin(), named_peers_.end());
    for (const TcpRecord& record : sockets.tcp_listening)
      if (record.inode != 0 && fds.is_held(record.inode)) listening_.emplace_back(record.local, record.inode);
    std::sort(listening_.begin(), listening_.end());
    for (const UnixRecord& record : sockets.local_listening)
      if (record.inode != 0 && fds.is_held(record.inode)) listening_unix_.push_back(&record);
  }

  // More than one where sockets bound to different devices share addresses and ports: all count.
  std::vector<std::uint32_t> mirror_inodes(const TcpRecord& record) const {
    std::vector<std::uint32_t> inodes;
    const FourTuple key = mirror_of(record);
    auto at = std::lower_bound(mirrors_.begin(), mirrors_.end(), std::make_pair(key, std::uint32_t{0}));
    for (; at != mirrors_.end() && at->first == key; ++at) inodes.push_back(at->second);
    if (!inodes.empty() || is_local(record))
      if (std::all_of(inodes.begin(), inodes.end(), is_zero)) add_listeners(record.remote, inodes);
    return inodes;
  }

  // An end that nobody holds waits to be accepted: whoever listens there is who will be reached. A server
  // that is stopped or stuck in the kernel leaves its clients so.
  void add_listeners(const Endpoint& wanted, std::vector<std::uint32_t>& inodes) const {
    Endpoint any4{}, any6{};
    any4[10] = any4[11] = 0xff;
    for (Endpoint* any : {&any4, &any6}) std::copy(wanted.begin() + 16, wanted.end(), any->begin() + 16);
    for (const Endpoint& end : {wanted, any4, any6}) {
      auto at = std::lower_bound(listening_.begin(), listening_.end(), std::make_pair(end, std::uint32_t{0}));
      for (int i = 0; i < kSameAddress && at != listening_.end() && at->first == end; ++i, ++at)
        inodes.push_back(at->second);
    }
  }

  // True: an end on this host is held by nobody asked about, which a second look may correct.
  bool is_one_sided() const {
    return std::any_of(held_tcp_.begin(), held_tcp_.end(),
                       [&](const TcpRecord* record) {
                         const auto inodes = mirror_inodes(*record);
                         return (!inodes.empty() || is_local(*record)) && !has_held(inodes);
                       }) ||
           std::any_of(held_unix_.begin(), held_unix_.end(),
                       [&](const UnixRecord* record) { return !has_held({record->peer}); });
  }

  std::vector<Link> links() const {
    std::vector<Link> links;
    for (const TcpRecord* record : held_tcp_)
      add({LinkKind::kTcp, 0, {}, endpoint_text(record->local), endpoint_text(record->remote)}, record->inode,
          mirror_inodes(*record), links);
    for (const UnixRecord* record : held_unix_)
      add({LinkKind::kUnix, 0, {}, unix_text(*record), peer_text(record->peer)}, record->inode,
          {record->peer}, links);
    for (const UnixRecord* record : listening_unix_)
      for (const std::uint32_t client : record->waiting)
        if (has_held({client}))
          add({LinkKind::kUnix, 0, {}, record->name, peer_text(client)}, record->inode, {client}, links);
    return links;
  }

 private:
  bool has_held(const std::vector<std::uint32_t>& inodes) const {
    return std::any_of(inodes.begin(), inodes.end(), [&](std::uint32_t i) { return i && fds_.is_held(i); });
  }

  static std::string unix_text(const UnixRecord& record) {
    return record.name.empty() ? "unix:" + std::to_string(record.inode) : record.name;
  }

  std::string peer_text(std::uint32_t inode) const {
    const auto at = std::lower_bound(named_peers_.begin(), named_peers_.end(), inode,
                                     [](const auto& entry, std::uint32_t key) { return entry.first < key; });
    if (at != named_peers_.end() && at->first == inode) return *at->second;
    return "unix:" + std::to_string(inode);
  }

  void add(Link link, std::uint32_t inode, const std::vector<std::uint32_t>& peer_inodes,
           std::vector<Link>& links) const {
    const PidRange own = fds_.holders_of(inode);
    std::vector<pid_t> peers;
    for (const std::uint32_t peer : peer_inodes) {
      if (peer == 0) continue;
      const PidRange range = fds_.holders_of(peer);
      std::for_each(range.first, range.second, [&](const Holder& holder) { peers.push_back(holder.pid); });
    }
    const auto emit = [&](pid_t pid, std::optional<pid_t> peer) {
      if (peer == pid) return;
      link.pid = pid;
      link.peer_pid = peer;
      links.push_back(link);
    };
    const auto owners = static_cast<std::size_t>(own.second - own.first);
    if (owners * peers.size() <= kAllPairs) {
      for (auto at = own.first; at != own.second; ++at) {
        if (peers.empty()) emit(at->pid, std::nullopt);
        for (const pid_t peer : peers) emit(at->pid, peer);
      }
      return;
    }
    if (peers.empty()) {
      for (auto at = own.first; at != own.second; ++at) emit(at->pid, std::nullopt);
      return;
    }
    // One end's first process with everybody else: two of them, so that no pair of first processes is itself.
    const pid_t hub = own.first->pid;
    const auto other = std::find_if(peers.begin(), peers.end(), [&](pid_t peer) { return peer != hub; });
    for (const pid_t peer : peers) emit(hub, peer);
    if (other != peers.end())
      for (auto at = own.first; at != own.second; ++at) emit(at->pid, *other);
  }

  const FdTable& fds_;
  std::vector<const TcpRecord*> held_tcp_;
  std::vector<const UnixRecord*> held_unix_;
  std::vector<std::pair<std::uint32_t, const std::string*>> named_peers_;
  std::vector<std::pair<FourTuple, std::uint32_t>> mirrors_;
  std::vector<std::pair<Endpoint, std::uint32_t>> listening_;
  std::vector<const UnixRecord*> listening_unix_;
};

// Two sockets or two looks can give the same link.
std::vector<Link> without_duplicates(std::vector<Link> links) {
  const auto key = [](const Link& link) {
    return std::tie(link.kind, link.pid, link.local, link.remote, link.peer_pid);
  };
  std::sort(links.begin(), links.end(), [&](const Link& a, const Link& b) { return key(a) < key(b); });
  links.erase(
      std::unique(links.begin(), links.end(), [&](const Link& a, const Link& b) { return key(a) == key(b); }),
      links.end());
  return links;
}

void add_faults(std::vector<Fault>& faults, const std::vector<Fault>& more) {
  for (const Fault& fault : more) {
    const auto same = [&](const Fault& known) {
      return known.what == fault.what && known.pid == fault.pid && known.detail == fault.detail;
    };
    if (std::none_of(faults.begin(), faults.end(), same)) faults.push_back(fault);
  }
}

// What either look saw. A unix socket without a peer in one look and with one in the other has one.
SocketTable merge(SocketTable first, SocketTable second) {
  SocketTable both = std::move(second);
  both.tcp.insert(both.tcp.end(), first.tcp.begin(), first.tcp.end());
  std::move(first.local.begin(), first.local.end(), std::back_inserter(both.local));
  const auto key = [](const UnixRecord& record) { return std::make_pair(record.inode, record.peer); };
  std::sort(both.local.begin(), both.local.end(),
            [&](const UnixRecord& a, const UnixRecord& b) { return key(a) > key(b); });
  const auto repeats = [](const UnixRecord& a, const UnixRecord& b) {
    return a.inode == b.inode && (a.peer == b.peer || b.peer == 0);
  };
  both.local.erase(std::unique(both.local.begin(), both.local.end(), repeats), both.local.end());
  both.tcp_listening.insert(both.tcp_listening.end(), first.tcp_listening.begin(), first.tcp_listening.end());
  std::move(first.local_listening.begin(), first.local_listening.end(),
            std::back_inserter(both.local_listening));
  both.complete &= first.complete;
  both.from_proc |= first.from_proc;
  both.empty_handed &= first.empty_handed;
  add_faults(both.faults, first.faults);
  return both;
}

}  // namespace

Connections find_connections(const std::string& proc_root, const std::vector<pid_t>& pids) {
  return find_connections(proc_root, pids, read_sockets);
}

Connections find_connections(const std::string& proc_root, const std::vector<pid_t>& pids,
                             SocketReader read) {
  Connections result;
  FdTable fds;
  read_fd_table(proc_root, pids, fds);
  SocketTable sockets = read(proc_root);
  result.established_tcp = static_cast<std::uint32_t>(sockets.tcp.size());
  result.established_unix = sockets.established_unix;
  if (Table(sockets, fds).is_one_sided()) {
    read_fd_table(proc_root, pids, fds);
    sockets = merge(std::move(sockets), read(proc_root));
  }
  result.links = without_duplicates(Table(sockets, fds).links());
  result.complete = sockets.complete && fds.own_net_known;
  result.source = sockets.empty_handed ? ConnectionSource::kNone
                  : sockets.from_proc  ? ConnectionSource::kProc
                                       : ConnectionSource::kNetlink;
  add_faults(result.faults, sockets.faults);
  add_faults(result.faults, fds.faults);
  result.unreadable = std::move(fds.unreadable);
  result.foreign_net = std::move(fds.foreign_net);
  return result;
}

}  // namespace reaper
