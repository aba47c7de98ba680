#include "core/sockets/join.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <tuple>

namespace reaper {
namespace {

// Pairs of one socket's holders are all listed up to this many, beyond that enough of them to join the same
// processes: a user whose thousand children inherit a thousand sockets could ask for 10^9 pairs.
constexpr std::size_t kAllPairs = 256;
// So many sockets of one address are looked at; SO_REUSEPORT lets a user have any number of them.
constexpr int kSameAddress = 256;

using PidRange = FdTable::Range;
using FourTuple = LinkTable::FourTuple;

FourTuple tuple_of(const Endpoint& local, const Endpoint& remote) {
  FourTuple tuple;
  std::copy(remote.begin(), remote.end(), std::copy(local.begin(), local.end(), tuple.begin()));
  return tuple;
}
FourTuple mirror_of(const TcpRecord& record) { return tuple_of(record.remote, record.local); }

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

std::string unix_text(const UnixRecord& record) {
  return record.name.empty() ? "unix:" + std::to_string(record.inode) : record.name;
}

}  // namespace

LinkTable::LinkTable(const SocketTable& sockets, const FdTable& fds) : fds_(fds) {
  std::vector<FourTuple> wanted;
  for (const TcpRecord& record : sockets.tcp) {
    if (record.listening || record.inode == 0 || !fds.is_held(record.inode)) continue;
    held_tcp_.push_back(&record);
    wanted.push_back(mirror_of(record));
  }
  std::sort(wanted.begin(), wanted.end());
  for (const TcpRecord& record : sockets.tcp) {
    const FourTuple key = tuple_of(record.local, record.remote);
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
void LinkTable::find_mirrors(const TcpRecord& record, std::vector<std::uint32_t>& inodes) const {
  inodes.clear();
  const FourTuple key = mirror_of(record);
  auto at = std::lower_bound(mirrors_.begin(), mirrors_.end(), std::make_pair(key, std::uint32_t{0}));
  for (; at != mirrors_.end() && at->first == key; ++at) inodes.push_back(at->second);
  if (!inodes.empty() || is_local(record))
    if (std::all_of(inodes.begin(), inodes.end(), is_zero)) add_listeners(record.remote, inodes);
}

// An end that nobody holds waits to be accepted: whoever listens there is who will be reached. A server
// that is stopped or stuck in the kernel leaves its clients so.
void LinkTable::add_listeners(const Endpoint& wanted, std::vector<std::uint32_t>& inodes) const {
  Endpoint any4{}, any6{};
  any4[10] = any4[11] = 0xff;
  for (Endpoint* any : {&any4, &any6}) std::copy(wanted.begin() + 16, wanted.end(), any->begin() + 16);
  for (const Endpoint& end : {wanted, any4, any6}) {
    auto at = std::lower_bound(listening_.begin(), listening_.end(), std::make_pair(end, std::uint32_t{0}));
    for (int i = 0; i < kSameAddress && at != listening_.end() && at->first == end; ++i, ++at)
      inodes.push_back(at->second);
  }
}

std::vector<std::uint32_t> LinkTable::missing() const {
  std::vector<std::uint32_t> missing;
  std::vector<std::uint32_t> inodes;
  for (const TcpRecord* record : held_tcp_) {
    find_mirrors(*record, inodes);
    if ((!inodes.empty() || is_local(*record)) && !has_held(inodes)) {
      missing.insert(missing.end(), inodes.begin(), inodes.end());
      if (inodes.empty()) missing.push_back(0);
    }
  }
  for (const UnixRecord* record : held_unix_)
    if (!is_held(record->peer)) missing.push_back(record->peer);
  std::sort(missing.begin(), missing.end());
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  return missing;
}

std::vector<Link> LinkTable::links() const {
  std::vector<Seen> seen;
  std::vector<std::uint32_t> inodes;
  for (const TcpRecord* record : held_tcp_) {
    find_mirrors(*record, inodes);
    add({LinkKind::kTcp, 0, 0, record->inode, record, nullptr}, record->inode, inodes, seen);
  }
  for (const UnixRecord* record : held_unix_) {
    inodes.assign(1, record->peer);
    add({LinkKind::kUnix, 0, 0, record->inode, nullptr, record}, record->inode, inodes, seen);
  }
  for (const UnixRecord* record : listening_unix_) {
    for (const std::uint32_t client : record->waiting) {
      inodes.assign(1, client);
      if (is_held(client)) add({LinkKind::kUnix, 0, 0, client, nullptr, record}, record->inode, inodes, seen);
    }
  }
  const auto ends = [](const Seen& link) { return std::tie(link.kind, link.pid, link.peer_pid); };
  std::sort(seen.begin(), seen.end(), [&](const Seen& a, const Seen& b) {
    return std::tuple_cat(ends(a), std::tie(a.inode)) < std::tuple_cat(ends(b), std::tie(b.inode));
  });
  std::vector<Link> links;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (i == 0 || ends(seen[i]) != ends(seen[i - 1]))
      links.push_back(shown(seen[i]));
    else if (seen[i].inode != seen[i - 1].inode)
      ++links.back().sockets;
  }
  return links;
}

Link LinkTable::shown(const Seen& seen) const {
  Link link{seen.kind, seen.pid, std::nullopt, {}, {}};
  if (seen.peer_pid != 0) link.peer_pid = seen.peer_pid;
  if (seen.tcp) {
    link.local = endpoint_text(seen.tcp->local);
    link.remote = endpoint_text(seen.tcp->remote);
  } else {
    const bool waiting = seen.inode != seen.local->inode;  // the client, at a listening socket
    link.local = waiting ? seen.local->name : unix_text(*seen.local);
    link.remote = peer_text(waiting ? seen.inode : seen.local->peer);
  }
  return link;
}

bool LinkTable::is_held(std::uint32_t inode) const { return inode != 0 && fds_.is_held(inode); }

bool LinkTable::has_held(const std::vector<std::uint32_t>& inodes) const {
  return std::any_of(inodes.begin(), inodes.end(), [&](std::uint32_t inode) { return is_held(inode); });
}

std::string LinkTable::peer_text(std::uint32_t inode) const {
  const auto at = std::lower_bound(named_peers_.begin(), named_peers_.end(), inode,
                                   [](const auto& entry, std::uint32_t key) { return entry.first < key; });
  if (at != named_peers_.end() && at->first == inode) return *at->second;
  return "unix:" + std::to_string(inode);
}

void LinkTable::add(Seen link, std::uint32_t inode, const std::vector<std::uint32_t>& peer_inodes,
                    std::vector<Seen>& links) const {
  const PidRange own = fds_.holders_of(inode);
  std::vector<pid_t> peers;
  for (const std::uint32_t peer : peer_inodes) {
    if (peer == 0) continue;
    const PidRange range = fds_.holders_of(peer);
    std::for_each(range.first, range.second, [&](const Holder& holder) { peers.push_back(holder.pid); });
  }
  const auto emit = [&](pid_t pid, pid_t peer) {
    if (peer == pid) return;
    link.pid = pid;
    link.peer_pid = peer;
    links.push_back(link);
  };
  const auto owners = static_cast<std::size_t>(own.second - own.first);
  if (owners * peers.size() <= kAllPairs) {
    for (auto at = own.first; at != own.second; ++at) {
      if (peers.empty()) emit(at->pid, 0);
      for (const pid_t peer : peers) emit(at->pid, peer);
    }
    return;
  }
  if (peers.empty()) {
    for (auto at = own.first; at != own.second; ++at) emit(at->pid, 0);
    return;
  }
  // One end's first process with everybody else: two of them, so that no pair of first processes is itself.
  const pid_t hub = own.first->pid;
  const auto other = std::find_if(peers.begin(), peers.end(), [&](pid_t peer) { return peer != hub; });
  for (const pid_t peer : peers) emit(hub, peer);
  if (other != peers.end())
    for (auto at = own.first; at != own.second; ++at) emit(at->pid, *other);
}

}  // namespace reaper
