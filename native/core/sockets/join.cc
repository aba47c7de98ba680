#include <netinet/tcp.h>

#include <cstring>
#include <fstream>

#include "core/sockets/socket_table.h"

namespace reaper {
namespace {

constexpr std::uint8_t kShutBothWays = 3;  // RCV_SHUTDOWN | SEND_SHUTDOWN
constexpr std::uint32_t kFlowing =
    bits(TCP_ESTABLISHED, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_CLOSE_WAIT, TCP_LAST_ACK,
         TCP_CLOSING, 12);  // 12: half open (TCP_NEW_SYN_RECV)
constexpr std::uint32_t kSentFin =
    bits(TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_LAST_ACK, TCP_CLOSING, TCP_TIME_WAIT);

std::string text_of(const UnixRecord* record, std::uint32_t inode) {
  if (record == nullptr || record->name.empty()) return "unix:" + std::to_string(inode);
  std::string text = record->name;  // as /proc/net/unix shows it
  if (text[0] == '\0') std::replace(text.begin(), text.end(), '\0', '@');
  return text;
}

// Who holds the listeners at a place whose sockets are of one user, or, without one, of anybody; who is not
// known counts.
template <typename Key>
void add_listeners(const Listeners<Key>& listeners, const Key& key, std::optional<uid_t> uid,
                   std::set<pid_t>& to) {
  const auto found = listeners.find(key);
  if (found == listeners.end()) return;
  for (const auto& [owner, pids] : found->second)
    if (!uid || !owner || *uid == *owner) to.insert(pids.begin(), pids.end());
}

// What has a far end's address.
struct FarEnd {
  bool exists = false, waits = false;  // waits: one has no inode, and no process has closed it
  std::uint32_t held = 0;              // how many have an inode; `holder` is the last of them
  const TcpRecord* holder = nullptr;

  void add(const TcpRecord& record) {
    exists = true;
    waits |= record.inode == 0 && !is_in(kSentFin, record.state);
    held += record.inode != 0;
    if (record.inode != 0) holder = &record;
  }
};

class Joiner {
 public:
  Joiner(const SocketTable& sockets, Connections& to)
      : sockets_(sockets), holders_(sockets.holders), to_(to) {
    std::ifstream file(sockets.options.proc_root + "/sys/net/ipv4/ip_local_port_range");
    if (!(file >> low_port_ >> high_port_)) low_port_ = 32768, high_port_ = 60999;
  }

  void add_tcp() {
    for (const TcpRecord& near : sockets_.tcp) {
      Connection made{Kind::kTcp};
      made.near = near_of(near);
      if (!is_in(kFlowing, near.state) || made.near.empty()) continue;
      const FarEnd mirror = mirror_of(near);
      const FarEnd& far = mirror.exists ? mirror : far_at(near.remote);
      const bool here = mirror.exists || is_own(near);
      const bool is_dead = here && far.held == 0 && !far.waits;
      // Guard: a record of the same address to another end (a TIME_WAIT) says nothing of a client that this
      // list lacks.
      if (is_dead && (mirror.exists || is_in(kGotFin, near.state))) continue;
      if (here && far.held == 1) {
        made.far = holders_.holders_of(far.holder->inode);
        made.far_uid = far.holder->uid;
      } else if (here && far.held == 0) {
        made.far = listeners_at(near.remote, std::nullopt);  // it waits there
      }
      made.direction = is_opened(near, here) ? Direction::kOpened : Direction::kAccepted;
      made.local = endpoint_text(near.local);
      made.remote = endpoint_text(near.remote);
      made.other_host = !here;
      made.idle = near.idle;
      add(std::move(made));
    }
  }

  void add_unix() {
    for (const auto& [client, inode] : sockets_.waiting) {
      Connection made{Kind::kUnix, Direction::kAccepted, holders_.holders_of(inode)};
      add_far(client, made);
      made.local = text_of(&sockets_.local_listeners.at(inode), inode);
      add(std::move(made));
    }
    for (const auto& [inode, near] : sockets_.local) {
      if (near.peer == 0 && near.shutdown == kShutBothWays) continue;  // the peer has closed
      Connection made{Kind::kUnix, direction_of(near), holders_.holders_of(inode)};
      if (made.near.empty()) {
        std::set<pid_t> listeners;
        add_listeners(sockets_.local_holders, near.key, near.uid, listeners);
        made.near.assign(listeners.begin(), listeners.end());
      }
      add_far(near.peer, made);
      const auto found = sockets_.waiting.lower_bound({inode, 0});
      if (near.peer == 0 && found != sockets_.waiting.end() && found->first == inode) {
        made.far = holders_.holders_of(found->second);
        made.remote = text_of(&sockets_.local_listeners.at(found->second), found->second);
      }
      made.local = text_of(&near, inode);
      add(std::move(made));
    }
  }

  // Those pipes and terminals whose two ends are not one process's alone.
  void add_pairs(Kind kind, Thing near, Thing far, const char* name) {
    for (const auto& [inode, pids] : holders_.held[near]) {
      Connection made{kind, Direction::kPair, holders_.holders_of(inode, near),
                      holders_.holders_of(inode, far)};
      made.local = made.remote = name + std::to_string(inode);
      if (!made.far.empty() && (made.near != made.far || made.near.size() > 1)) add(std::move(made));
    }
  }

  // A user with too many pids in the lists is in doubt as a whole.
  void finish() {
    for (const auto& [account, pids] : listed_) {
      if (account == 0 || pids <= sockets_.options.user_pids) continue;
      to_.faults.push_back({"list connections", 0, "this user has too many that processes share", account});
      for (const auto& [pid, owner] : holders_.accounts)
        if (owner == account) to_.unreadable.push_back(pid);
    }
  }

 private:
  void add(Connection made) {
    if (made.near.empty()) return;
    const uid_t account = holders_.account_of(made.near.front());
    listed_[account] += made.near.size() + made.far.size();
    if (account == 0 || listed_[account] <= sockets_.options.user_pids)
      to_.connections.push_back(std::move(made));
  }

  // A connection that no asked process holds is its listener's, whoever has it in flight, unless its process
  // has closed it, or it is another user's, which had bound the address before.
  std::vector<pid_t> near_of(const TcpRecord& near) const {
    if (near.inode == 0 && is_in(kSentFin, near.state)) return {};
    if (holders_.is_held(near.inode)) return holders_.holders_of(near.inode);
    return listeners_at(near.local, near.inode != 0 ? std::optional(near.uid) : std::nullopt);
  }

  std::vector<pid_t> listeners_at(const Endpoint& end, std::optional<uid_t> uid) const {
    std::set<pid_t> pids;
    for (const Endpoint& at : listening_for(end)) add_listeners(sockets_.tcp_holders, at, uid, pids);
    return {pids.begin(), pids.end()};
  }

  const UnixRecord* local_of(std::uint32_t inode) const {
    const auto found = sockets_.local.find(inode);
    return found == sockets_.local.end() ? nullptr : &found->second;
  }

  void add_far(std::uint32_t inode, Connection& to) const {
    const UnixRecord* far = local_of(inode);
    to.far = holders_.holders_of(inode);
    if (far != nullptr) to.far_uid = far->uid;
    to.remote = text_of(far, inode);
  }

  template <typename Same>
  FarEnd find_far(TcpRecord first, Same same) const {
    FarEnd far;
    for (auto at = sockets_.tcp.lower_bound(first); at != sockets_.tcp.end() && same(*at); ++at) far.add(*at);
    return far;
  }

  FarEnd mirror_of(const TcpRecord& near) const {
    return find_far({near.remote, near.local}, [&near](const TcpRecord& far) {
      return far.local == near.remote && far.remote == near.local;
    });
  }

  // With NAT the far end's pair is another, and its own address the same. Counted once per address, for a
  // busy listener has thousands.
  const FarEnd& far_at(const Endpoint& end) {
    const auto [known, is_new] = far_.try_emplace(end);
    if (is_new) known->second = find_far({end}, [&end](const TcpRecord& far) { return far.local == end; });
    return known->second;
  }

  // Whether the far end is on this host: to an address of its own a host connects from that address.
  static bool is_own(const TcpRecord& near) {
    static constexpr std::uint8_t kLoopback[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
    return std::memcmp(near.remote.data(), kLoopback, sizeof kLoopback) == 0 ||
           std::memcmp(near.remote.data(), near.local.data(), 16) == 0;
  }

  static int port_of(const Endpoint& end) { return end[16] * 256 + end[17]; }

  // Guard: a client may listen at the address that it connects from.
  bool is_opened(const TcpRecord& near, bool here) const {
    if (is_any_in(sockets_.tcp_holders, near.local)) return false;
    if (here && is_any_in(sockets_.listening, near.remote)) return true;
    const bool is_ephemeral = port_of(near.local) >= low_port_ && port_of(near.local) <= high_port_;
    // Other systems give their clients other ports: 32768 and more (Linux), 49152 and more (Windows, macOS).
    return is_ephemeral && port_of(near.remote) < std::min(low_port_, 32768);
  }

  // The kernel gives an accepted socket its listener's name. Guard: a client may bind a name of its own, so
  // of two named ends the one whose name a listener has was accepted.
  Direction direction_of(const UnixRecord& near) const {
    if (near.peer == 0) return Direction::kOpened;  // it waits to be accepted
    const UnixRecord* far = local_of(near.peer);
    if (far == nullptr) return Direction::kAccepted;  // its name is not known
    if (far->key.empty()) return near.key.empty() ? Direction::kPair : Direction::kAccepted;
    const auto is_listeners = [this](const UnixRecord& end) {
      return sockets_.names.count(std::hash<std::string>()(end.key)) != 0;
    };
    const bool opened = near.key.empty() || (is_listeners(*far) && !is_listeners(near));
    return opened ? Direction::kOpened : Direction::kAccepted;
  }

  const SocketTable& sockets_;
  const HolderTable& holders_;
  Connections& to_;
  int low_port_ = 0, high_port_ = 0;  // the ports from which the kernel takes one for a connection
  std::map<Endpoint, FarEnd> far_;
  std::map<uid_t, std::size_t> listed_;
};

}  // namespace

void join(const SocketTable& sockets, Connections& to) {
  Joiner joiner(sockets, to);
  joiner.add_tcp();
  joiner.add_unix();
  joiner.add_pairs(Kind::kPipe, kPipeReader, kPipeWriter, "pipe:");
  joiner.add_pairs(Kind::kTerminal, kTerminal, kMaster, "pts/");
  joiner.finish();
}

}  // namespace reaper
