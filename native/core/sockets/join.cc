#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>
#include <fstream>
#include <set>

#include "core/base/sorted.h"
#include "core/sockets/socket_table.h"

namespace reaper {
namespace {

constexpr std::uint8_t kShutBothWays = 3;  // RCV_SHUTDOWN | SEND_SHUTDOWN

template <typename... States>
constexpr std::uint32_t bits(States... states) {
  return ((1u << states) | ...);
}
constexpr std::uint32_t kFlowing =
    bits(TCP_ESTABLISHED, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_CLOSE_WAIT, TCP_LAST_ACK,
         TCP_CLOSING, 12);  // 12: half open (TCP_NEW_SYN_RECV)
constexpr std::uint32_t kSentFin =
    bits(TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_LAST_ACK, TCP_CLOSING, TCP_TIME_WAIT);
constexpr std::uint32_t kGotFin = bits(TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING);
bool is_in(std::uint32_t states, std::uint8_t state) { return state < 32 && (states >> state & 1) != 0; }

std::string text_of(const UnixRecord* record, std::uint32_t inode) {
  if (record == nullptr || record->name.empty()) return "unix:" + std::to_string(inode);
  std::string text = record->name;  // as /proc/net/unix shows it
  if (text[0] == '\0') std::replace(text.begin(), text.end(), '\0', '@');
  return text;
}

std::set<Endpoint> own_addresses() {
  std::set<Endpoint> own;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return own;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    const int family = at->ifa_addr == nullptr ? AF_UNSPEC : at->ifa_addr->sa_family;
    Endpoint end{};
    if (family == AF_INET) {
      end[10] = end[11] = 0xff;
      std::memcpy(&end[12], &reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr, 4);
    } else if (family == AF_INET6) {
      std::memcpy(&end[0], &reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr, 16);
    }
    own.insert(end);
  }
  freeifaddrs(list);
  return own;
}

// What has a far end's address.
struct FarEnd {
  bool exists = false, waits = false;  // waits: one has no inode, and no process has closed it
  std::uint32_t held = 0;              // how many have an inode; `holder` is the last of them
  const TcpRecord* holder = nullptr;
};

class Joiner {
 public:
  Joiner(const SocketTable& sockets, Connections& to)
      : sockets_(sockets), holders_(sockets.holders), to_(to) {
    std::ifstream file(sockets.options.proc_root + "/sys/net/ipv4/ip_local_port_range");
    file >> low_port_ >> high_port_;
    if (!file) low_port_ = 32768, high_port_ = 60999;
  }

  bool add_tcp() {
    bool is_sure = true;
    for (const TcpRecord& near : sockets_.tcp) {
      Connection made{Kind::kTcp};
      add_near(near, made.near);
      if (!is_in(kFlowing, near.state) || made.near.empty()) continue;
      const FarEnd mirror = mirror_of(near);
      const FarEnd& far = mirror.exists ? mirror : far_at(near.remote);
      const bool here = mirror.exists || is_own(near);
      if (here && far.held == 0 && !far.waits && (far.exists || is_in(kGotFin, near.state))) {
        is_sure &= mirror.exists;  // it is dead
        continue;
      }
      if (here && far.held == 1) {
        holders_.add_holders_of(far.holder->inode, made.far);
        made.far_uid = far.holder->uid;
      } else if (here && far.held == 0) {
        add_listeners(near.remote, std::nullopt, made.far);  // it waits there
      }
      made.direction = is_opened(near, here) ? Direction::kOpened : Direction::kAccepted;
      made.local = endpoint_text(near.local);
      made.remote = endpoint_text(near.remote);
      made.other_host = !here;
      made.idle = near.idle;
      add(std::move(made));
    }
    return is_sure;
  }

  void add_unix() {
    std::map<std::uint32_t, const UnixRecord*> waits_at;
    for (const auto& [inode, listener] : sockets_.queues) {
      for (const std::uint32_t client : listener.waiting) {
        waits_at[client] = &listener;
        Connection made{Kind::kUnix, Direction::kAccepted};
        holders_.add_holders_of(inode, made.near);
        add_far(client, made);
        made.local = text_of(&listener, inode);
        add(std::move(made));
      }
    }
    for (const UnixRecord& near : sockets_.local) {
      if (near.peer == 0 && near.shutdown == kShutBothWays) continue;  // the peer has closed
      Connection made{Kind::kUnix, direction_of(near)};
      holders_.add_holders_of(near.inode, made.near);
      if (made.near.empty()) add_listeners(sockets_.unix_listeners, near.key, near.uid, made.near);
      add_far(near.peer, made);
      if (const auto found = waits_at.find(near.inode); near.peer == 0 && found != waits_at.end()) {
        holders_.add_holders_of(found->second->inode, made.far);
        made.remote = text_of(found->second, 0);
      }
      made.local = text_of(&near, near.inode);
      add(std::move(made));
    }
  }

  // Those pipes and terminals whose two ends are not one process's alone.
  void add_pairs(Kind kind, Thing near, Thing far, const char* name) {
    for (const auto& [inode, pids] : holders_.held[near]) {
      Connection made{kind};
      holders_.add_holders_of(inode, made.near, near);
      holders_.add_holders_of(inode, made.far, far);
      made.local = made.remote = name + std::to_string(inode);
      if (!made.far.empty() && (made.near != made.far || made.near.size() > 1)) add(std::move(made));
    }
  }

  // A user with too many pids in the lists is in doubt as a whole.
  void finish() {
    for (const auto& [pid, account] : holders_.accounts)
      if (account != 0 && listed_[account] > sockets_.options.user_pids) to_.unreadable.push_back(pid);
    for (const auto& [account, pids] : listed_)
      if (account != 0 && pids > sockets_.options.user_pids)
        to_.faults.push_back({"list connections", 0, "this user has too many that processes share", account});
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
  void add_near(const TcpRecord& near, std::vector<pid_t>& to) const {
    if (near.inode != 0) holders_.add_holders_of(near.inode, to);
    if (!to.empty() || (near.inode == 0 && is_in(kSentFin, near.state))) return;
    add_listeners(near.local, near.inode == 0 ? std::nullopt : std::optional(near.uid), to);
  }

  void add_listeners(const Endpoint& end, std::optional<uid_t> uid, std::vector<pid_t>& to) const {
    for (const Endpoint& at : listening_for(end)) add_listeners(sockets_.tcp_listeners, at, uid, to);
  }

  // Those of one user, or, without one, of everybody; who is not known counts.
  template <typename Key>
  void add_listeners(const Listeners<Key>& listeners, const Key& key, std::optional<uid_t> uid,
                     std::vector<pid_t>& to) const {
    const auto found = listeners.find(key);
    if (found == listeners.end()) return;
    for (const auto& [owner, pids] : found->second)
      if (!uid || !owner || *uid == *owner) to.insert(to.end(), pids.begin(), pids.end());
    sort_unique(to);
  }

  void add_far(std::uint32_t inode, Connection& to) const {
    const UnixRecord* far = sockets_.local_of(inode);
    if (inode != 0) holders_.add_holders_of(inode, to.far);
    if (far != nullptr) to.far_uid = far->uid;
    to.remote = text_of(far, inode);
  }

  template <typename Same>
  FarEnd find_far(const Endpoint& local, const Endpoint& remote, Same same) const {
    const auto before = [&](const TcpRecord& record, int) {
      return std::tie(record.local, record.remote) < std::tie(local, remote);
    };
    FarEnd far;
    const auto& all = sockets_.tcp;
    for (auto at = std::lower_bound(all.begin(), all.end(), 0, before); at != all.end() && same(*at); ++at) {
      far.exists = true;
      far.waits |= at->inode == 0 && !is_in(kSentFin, at->state);
      far.held += at->inode != 0;
      if (at->inode != 0) far.holder = &*at;
    }
    return far;
  }

  FarEnd mirror_of(const TcpRecord& near) const {
    return find_far(near.remote, near.local, [&near](const TcpRecord& far) {
      return far.local == near.remote && far.remote == near.local;
    });
  }

  // With NAT the far end's pair is another, and its own address the same. Counted once per address, for a
  // busy listener has thousands.
  const FarEnd& far_at(const Endpoint& end) {
    const auto [known, is_new] = far_.try_emplace(end);
    if (is_new) known->second = find_far(end, {}, [&end](const TcpRecord& far) { return far.local == end; });
    return known->second;
  }

  bool is_own(const TcpRecord& near) const {
    static constexpr std::uint8_t kLoopback[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
    Endpoint address = near.remote;
    address[16] = address[17] = 0;
    return own_.count(address) != 0 || std::memcmp(address.data(), kLoopback, sizeof kLoopback) == 0 ||
           std::memcmp(address.data(), near.local.data(), 16) == 0;
  }

  static int port_of(const Endpoint& end) { return end[16] * 256 + end[17]; }

  bool is_ephemeral(int port) const { return port >= low_port_ && port <= high_port_; }

  // Other systems give their clients other ports: 32768 and more (Linux), 49152 and more (Windows, macOS).
  bool may_be_clients(int port) const { return port >= std::min(low_port_, 32768); }

  // Guard: a client may listen at the address that it connects from.
  bool is_opened(const TcpRecord& near, bool here) const {
    if (is_any_in(sockets_.tcp_listeners, near.local)) return false;
    return (here && is_any_in(sockets_.listening, near.remote)) ||
           (is_ephemeral(port_of(near.local)) && !may_be_clients(port_of(near.remote)));
  }

  // The kernel gives an accepted socket its listener's name. Guard: a client may bind a name of its own, so
  // of two named ends the one whose name a listener has was accepted.
  Direction direction_of(const UnixRecord& near) const {
    if (near.peer == 0) return Direction::kOpened;  // it waits to be accepted
    const UnixRecord* far = sockets_.local_of(near.peer);
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
  const std::set<Endpoint> own_ = own_addresses();
  int low_port_ = 0, high_port_ = 0;  // the ports from which the kernel takes one for a connection
  std::map<Endpoint, FarEnd> far_;
  std::map<uid_t, std::size_t> listed_;
};

}  // namespace

bool join(const SocketTable& sockets, Connections& to) {
  Joiner joiner(sockets, to);
  const bool is_sure = joiner.add_tcp();
  joiner.add_unix();
  joiner.add_pairs(Kind::kPipe, kPipeReader, kPipeWriter, "pipe:");
  joiner.add_pairs(Kind::kTerminal, kTerminal, kMaster, "pts/");
  joiner.finish();
  return is_sure;
}

}  // namespace reaper
