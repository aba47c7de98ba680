#include "core/sockets/join.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <tuple>

#include "core/base/sorted.h"

namespace reaper {
namespace {

// Guard: a user whose thousand children inherit a thousand sockets could ask for 10^9 pairs. Pairs of one
// socket's holders are all listed up to this many, beyond that enough of them to join the same processes.
constexpr std::size_t kAllPairs = 256;

// 127.0.0.0/8, ::1, or the same address on both sides.
bool has_local_address(const TcpRecord& record) {
  static constexpr Endpoint kLoopback6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  static constexpr Endpoint kLoopback4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
  const Endpoint& remote = record.remote;
  return std::memcmp(remote.data(), kLoopback6.data(), 16) == 0 ||
         std::memcmp(remote.data(), kLoopback4.data(), 13) == 0 ||
         std::memcmp(remote.data(), record.local.data(), 16) == 0;
}

std::string unix_text(std::uint32_t inode, const std::string* name) {
  return name == nullptr || name->empty() ? "unix:" + std::to_string(inode) : *name;
}

// The other end of a held TCP socket.
struct OtherEnd {
  bool on_this_host;
  std::vector<std::uint32_t> inodes;  // that hold it, or that listen where it waits to be accepted
};

OtherEnd other_end_of(const TcpRecord& record, const SocketTable& sockets) {
  OtherEnd other{false, sockets.peers_of(record)};
  other.on_this_host = !other.inodes.empty() || has_local_address(record);
  // Nobody holds it yet: a server that is stopped or stuck in the kernel leaves its clients so. Who listens
  // there will have it.
  const auto is_waiting = [](std::uint32_t inode) { return inode == 0; };
  if (other.on_this_host && std::all_of(other.inodes.begin(), other.inodes.end(), is_waiting))
    for (const std::uint32_t listener : sockets.listeners_at(record.remote)) other.inodes.push_back(listener);
  return other;
}

// Only a listener's port tells who accepted. Where the listener is gone, a port that the kernel chose is an
// opener's, as far as the other end is another host's.
LinkDirection direction_of(const TcpRecord& record, bool on_this_host, const SocketTable& sockets,
                           const PortRange& ephemeral) {
  const bool here = sockets.is_listening(record.local);
  const bool there = on_this_host && sockets.is_listening(record.remote);
  if (here != there) return here ? LinkDirection::kAccepted : LinkDirection::kOpened;
  if (on_this_host) return LinkDirection::kUnknown;
  const int port = record.local[16] * 256 + record.local[17];
  if (port >= ephemeral.low && port <= ephemeral.high) return LinkDirection::kOpened;
  return port < ephemeral.low ? LinkDirection::kAccepted : LinkDirection::kUnknown;
}

// The kernel gives an accepted socket its listener's name. Guard: a client may bind a name of its own, so of
// two named ends the one whose name a listener has was accepted.
LinkDirection direction_of(const UnixRecord& record, const SocketTable& sockets) {
  if (record.peer == 0) return LinkDirection::kOpened;  // it waits to be accepted
  const std::string* peer = sockets.name_of_peer(record.peer);
  const bool here = !record.name.empty(), there = peer != nullptr && !peer->empty();
  if (here && peer != nullptr && !there) return LinkDirection::kAccepted;
  if (there && !here) return LinkDirection::kOpened;
  const bool listens_here = here && sockets.is_listening(record.name);
  const bool listens_there = there && sockets.is_listening(*peer);
  if (listens_here == listens_there) return LinkDirection::kUnknown;
  return listens_here ? LinkDirection::kAccepted : LinkDirection::kOpened;
}

// One link that one socket makes. Texts are written only for those that are returned.
struct Seen {
  LinkKind kind;
  pid_t pid = 0, peer_pid = 0;  // peer_pid 0: not known
  LinkDirection direction = LinkDirection::kUnknown;
  bool other_host = false;
  std::uint32_t inode = 0;
  const TcpRecord* tcp = nullptr;
  const UnixRecord* local = nullptr;  // of a pipe neither

  auto ends() const { return std::tie(kind, pid, peer_pid, direction, other_host); }
};

Link to_link(const Seen& seen, const SocketTable& sockets) {
  Link link{seen.kind, seen.pid, std::nullopt, {}, {}, 1, seen.direction, seen.other_host};
  if (seen.peer_pid != 0) link.peer_pid = seen.peer_pid;
  if (seen.tcp) {
    link.local = endpoint_text(seen.tcp->local);
    link.remote = endpoint_text(seen.tcp->remote);
  } else if (!seen.local) {
    link.local = link.remote = "pipe:" + std::to_string(seen.inode);
  } else if (seen.local->state == SocketState::kListening) {
    // One that waits: its own end has no name, the other one is the listener's.
    link.local = seen.local->name;
    link.remote = unix_text(seen.inode, nullptr);
    if (seen.direction == LinkDirection::kOpened) std::swap(link.local, link.remote);
  } else {
    link.local = unix_text(seen.local->inode, &seen.local->name);
    link.remote = unix_text(seen.local->peer, sockets.name_of_peer(seen.local->peer));
  }
  return link;
}

class Joiner {
 public:
  Joiner(const SocketTable& sockets, const HolderTable& holders) : sockets_(sockets), holders_(holders) {
    for (const UnixRecord& listener : sockets.local_listening())
      waiting_.insert(waiting_.end(), listener.waiting.begin(), listener.waiting.end());
    std::sort(waiting_.begin(), waiting_.end());
  }

  void add_tcp(const PortRange& ephemeral) {
    for (const TcpRecord& record : sockets_.tcp()) {
      const OtherEnd other = other_end_of(record, sockets_);
      Seen link{LinkKind::kTcp};
      link.direction = direction_of(record, other.on_this_host, sockets_, ephemeral);
      link.other_host = !other.on_this_host;
      link.inode = record.inode;
      link.tcp = &record;
      add(link, record.inode, other.inodes);
    }
  }

  void add_unix() {
    for (const UnixRecord& record : sockets_.local()) {
      Seen link{LinkKind::kUnix};
      link.direction = direction_of(record, sockets_);
      link.inode = record.inode;
      link.local = &record;
      // add_queues knows who listens.
      if (record.peer == 0 && contains(waiting_, record.inode)) continue;
      add(link, record.inode, {record.peer});
    }
  }

  // Both sides of the clients that wait: the listener's process has accepted, the client opened.
  void add_queues() {
    for (const UnixRecord& listener : sockets_.local_listening()) {
      for (const std::uint32_t client : listener.waiting) {
        Seen link{LinkKind::kUnix};
        link.inode = client;
        link.local = &listener;
        link.direction = LinkDirection::kAccepted;
        add(link, listener.inode, {client});
        link.direction = LinkDirection::kOpened;
        add(link, client, {listener.inode});
      }
    }
  }

  // Who reads what others write. Guard: all that inherited one end have only their parent in common.
  void add_pipes() {
    auto writer = holders_.pipe_writers().begin();
    const auto last = holders_.pipe_writers().end();
    for (auto at = holders_.pipe_readers().begin(); at != holders_.pipe_readers().end();) {
      Seen link{LinkKind::kPipe};
      link.inode = at->inode;
      std::vector<pid_t> readers, writers;
      for (; at != holders_.pipe_readers().end() && at->inode == link.inode; ++at) readers.push_back(at->pid);
      while (writer != last && writer->inode < link.inode) ++writer;
      for (; writer != last && writer->inode == link.inode; ++writer) writers.push_back(writer->pid);
      if (writers.empty()) continue;
      add_pairs(link, readers, writers);
      add_pairs(link, writers, readers);
    }
  }

  std::vector<Link> take() {
    std::sort(seen_.begin(), seen_.end(), [](const Seen& a, const Seen& b) {
      return std::tuple_cat(a.ends(), std::tie(a.inode)) < std::tuple_cat(b.ends(), std::tie(b.inode));
    });
    std::vector<Link> links;
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      if (i == 0 || seen_[i].ends() != seen_[i - 1].ends())
        links.push_back(to_link(seen_[i], sockets_));
      else if (seen_[i].inode != seen_[i - 1].inode)
        ++links.back().sockets;
    }
    return links;
  }

 private:
  void add(Seen link, std::uint32_t inode, const std::vector<std::uint32_t>& peer_inodes) {
    std::vector<pid_t> own, peers;
    const auto add_holders = [this](std::vector<pid_t>& pids, std::uint32_t of) {
      const HolderTable::Range range = holders_.processes_with(of);
      std::for_each(range.first, range.second, [&](const Holder& holder) { pids.push_back(holder.pid); });
    };
    add_holders(own, inode);
    for (const std::uint32_t peer : peer_inodes)
      if (peer != 0) add_holders(peers, peer);
    if (peers.empty()) peers.push_back(0);
    add_pairs(link, own, peers);
  }

  void add_pairs(Seen link, const std::vector<pid_t>& own, const std::vector<pid_t>& peers) {
    const auto emit = [&](pid_t pid, pid_t peer) {
      if (peer == pid) return;
      link.pid = pid;
      link.peer_pid = peer;
      seen_.push_back(link);
    };
    if (peers.size() == 1 || own.size() * peers.size() <= kAllPairs) {
      for (const pid_t pid : own)
        for (const pid_t peer : peers) emit(pid, peer);
      return;
    }
    // One end's first process with all others: two of them, so that no pair of first processes is itself.
    const pid_t hub = own.front();
    const auto other = std::find_if(peers.begin(), peers.end(), [&](pid_t peer) { return peer != hub; });
    for (const pid_t peer : peers) emit(hub, peer);
    if (other != peers.end())
      for (const pid_t pid : own) emit(pid, *other);
  }

  const SocketTable& sockets_;
  const HolderTable& holders_;
  std::vector<std::uint32_t> waiting_;  // the clients in the queues of held listeners
  std::vector<Seen> seen_;
};

}  // namespace

std::vector<Link> join_links(const SocketTable& sockets, const HolderTable& holders,
                             const PortRange& ephemeral) {
  Joiner joiner(sockets, holders);
  joiner.add_tcp(ephemeral);
  joiner.add_unix();
  joiner.add_queues();
  joiner.add_pipes();
  return joiner.take();
}

bool lacks_other_end(const SocketTable& sockets) {
  return std::any_of(sockets.tcp().begin(), sockets.tcp().end(), [&](const TcpRecord& record) {
    return sockets.peers_of(record).empty() && has_local_address(record);
  });
}

}  // namespace reaper
