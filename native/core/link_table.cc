#include "core/link_table.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace reaper {
namespace {

// Pairs of one socket's holders are all listed up to this many, beyond that enough of them to join the same
// processes: a user whose thousand children inherit a thousand sockets could ask for 10^9 pairs.
constexpr std::size_t kAllPairs = 256;
// So many sockets of one address are looked at; SO_REUSEPORT lets a user have any number of them.
constexpr int kSameAddress = 256;

using PidRange = FdTable::Range;
using FourTuple = LinkTable::FourTuple;

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
std::vector<std::uint32_t> LinkTable::mirror_inodes(const TcpRecord& record) const {
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
  const auto add_all = [&](const std::vector<std::uint32_t>& inodes) {
    missing.insert(missing.end(), inodes.begin(), inodes.end());
    if (inodes.empty()) missing.push_back(0);
  };
  for (const TcpRecord* record : held_tcp_) {
    const auto inodes = mirror_inodes(*record);
    if ((!inodes.empty() || is_local(*record)) && !has_held(inodes)) add_all(inodes);
  }
  for (const UnixRecord* record : held_unix_)
    if (!has_held({record->peer})) missing.push_back(record->peer);
  std::sort(missing.begin(), missing.end());
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  return missing;
}

std::vector<Link> LinkTable::links() const {
  std::vector<Link> links;
  for (const TcpRecord* record : held_tcp_)
    add({LinkKind::kTcp, 0, {}, endpoint_text(record->local), endpoint_text(record->remote)}, record->inode,
        mirror_inodes(*record), links);
  for (const UnixRecord* record : held_unix_)
    add({LinkKind::kUnix, 0, {}, unix_text(*record), peer_text(record->peer)}, record->inode, {record->peer},
        links);
  for (const UnixRecord* record : listening_unix_)
    for (const std::uint32_t client : record->waiting)
      if (has_held({client}))
        add({LinkKind::kUnix, 0, {}, record->name, peer_text(client)}, record->inode, {client}, links);
  return links;
}

bool LinkTable::has_held(const std::vector<std::uint32_t>& inodes) const {
  return std::any_of(inodes.begin(), inodes.end(), [&](std::uint32_t i) { return i && fds_.is_held(i); });
}

std::string LinkTable::peer_text(std::uint32_t inode) const {
  const auto at = std::lower_bound(named_peers_.begin(), named_peers_.end(), inode,
                                   [](const auto& entry, std::uint32_t key) { return entry.first < key; });
  if (at != named_peers_.end() && at->first == inode) return *at->second;
  return "unix:" + std::to_string(inode);
}

void LinkTable::add(Link link, std::uint32_t inode, const std::vector<std::uint32_t>& peer_inodes,
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

}  // namespace reaper
