#include "core/sockets/join.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>

#include "core/base/sorted.h"

namespace reaper {
namespace {

// Guard: a user whose thousand processes hold one listener could ask for 10^9 pids. So many of one user's
// are listed.
constexpr std::size_t kUserPids = 1 << 20;
constexpr std::uint8_t kShutBothWays = 3;  // RCV_SHUTDOWN | SEND_SHUTDOWN

constexpr std::uint32_t bits(std::initializer_list<int> states) {
  std::uint32_t set = 0;
  for (const int state : states) set |= 1u << state;
  return set;
}
// TCP_NEW_SYN_RECV (12) is the kernel's own name for a half-open connection.
constexpr std::uint32_t kFlowing = bits({TCP_ESTABLISHED, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2,
                                         TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING, 12});
constexpr std::uint32_t kSentFin =
    bits({TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_LAST_ACK, TCP_CLOSING, TCP_TIME_WAIT});
constexpr std::uint32_t kGotFin = bits({TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING});
bool is_in(std::uint32_t set, std::uint8_t state) { return state < 32 && (set >> state & 1) != 0; }

std::string name_of(const UnixRecord* record, std::uint32_t inode) {
  if (record == nullptr || record->name.empty()) return "unix:" + std::to_string(inode);
  // As /proc/net/unix does.
  std::string text = record->name;
  if (text[0] == '\0') std::replace(text.begin(), text.end(), '\0', '@');
  return text;
}

// The addresses of this host, without ports; sorted.
std::vector<Endpoint> own_addresses() {
  std::vector<Endpoint> own;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return own;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    Endpoint end{};
    if (at->ifa_addr != nullptr && at->ifa_addr->sa_family == AF_INET) {
      end[10] = end[11] = 0xff;
      std::memcpy(&end[12], &reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr, 4);
      own.push_back(end);
    } else if (at->ifa_addr != nullptr && at->ifa_addr->sa_family == AF_INET6) {
      std::memcpy(&end[0], &reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr, 16);
      own.push_back(end);
    }
  }
  freeifaddrs(list);
  sort_unique(own);
  return own;
}

// Who holds the listeners at an address, or of a name.
template <typename Key>
class ListenerHolders {
 public:
  ListenerHolders(const Listeners<Key>& listeners, const HolderTable& holders) {
    for (const auto& [key, sockets] : listeners)
      for (const auto& [inode, uid] : sockets) {
        auto& pids = by_key_[key][uid];
        const auto held = holders.holders_of(inode);
        pids.insert(pids.end(), held.begin(), held.end());
      }
    for (auto& [key, by_uid] : by_key_)
      for (auto& [uid, pids] : by_uid) sort_unique(pids);
  }

  // Those of one user's, or, without one, of everybody's; one who is not known counts.
  void add(const Key& key, std::optional<uid_t> uid, std::vector<pid_t>& to) const {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    for (const auto& [owner, pids] : found->second)
      if (!uid || !owner || *uid == *owner) to.insert(to.end(), pids.begin(), pids.end());
  }

 private:
  std::map<Key, std::map<std::optional<uid_t>, std::vector<pid_t>>> by_key_;
};

// The records that have a far end's address.
struct FarEnd {
  bool exists = false, waits = false;  // waits: one has no inode, and nobody has closed it
  std::uint32_t held = 0;              // how many have an inode; `holder` is one of them
  const TcpRecord* holder = nullptr;
};

class Joiner {
 public:
  Joiner(const HolderOptions& options, const HolderTable& holders, const SocketTable& sockets,
         Connections& to)
      : holders_(holders),
        sockets_(sockets),
        to_(to),
        at_address_(sockets.tcp_listeners(), holders),
        at_name_(sockets.unix_listeners(), holders) {
    std::ifstream file(options.proc_root + "/sys/net/ipv4/ip_local_port_range");
    int low = 0, high = 0;
    if (file >> low >> high) low_ = low, high_ = high;
  }

  bool add_tcp() {
    bool is_sure = true;
    for (const TcpRecord& record : sockets_.tcp()) {
      Connection made{Kind::kTcp};
      made.near = near_of(record);
      if (!is_in(kFlowing, record.state) || made.near.empty()) continue;
      const FarEnd mirror = mirror_of(record);
      const FarEnd far = mirror.exists ? mirror : far_at(record.remote);
      const bool here = mirror.exists || is_own(record);
      const bool closed = far.held == 0 && !far.waits && (far.exists || is_in(kGotFin, record.state));
      if (here && closed) {
        is_sure &= mirror.exists;
        continue;
      }
      made.other_host = !here;
      made.idle = record.idle;
      if (here && far.held == 1) {
        made.far = holders_.holders_of(far.holder->inode);
        made.far_uid = far.holder->uid;
      } else if (here && far.held == 0) {
        made.far = listeners_of(record.remote, std::nullopt);  // it waits there
      }
      made.direction = is_opened(record, here) ? Direction::kOpened : Direction::kAccepted;
      made.local = endpoint_text(record.local);
      made.remote = endpoint_text(record.remote);
      emit(std::move(made));
    }
    return is_sure;
  }

  void add_unix(const Queues& queues) {
    std::map<std::uint32_t, const UnixRecord*> waits_at;
    for (const auto& [listener, clients] : queues) {
      const UnixRecord& record = sockets_.queues().at(listener);
      for (const std::uint32_t client : clients) {
        waits_at[client] = &record;
        Connection made{Kind::kUnix, Direction::kAccepted};
        made.near = holders_.holders_of(listener);
        if (client != 0) made.far = holders_.holders_of(client);
        made.local = name_of(&record, listener);
        made.remote = name_of(sockets_.local(client), client);
        if (const UnixRecord* known = sockets_.local(client)) made.far_uid = known->uid;
        emit(std::move(made));
      }
    }
    for (const UnixRecord& record : sockets_.local()) {
      Connection made{Kind::kUnix};
      made.near = holders_.holders_of(record.inode);
      if (made.near.empty() && !record.key.empty()) at_name_.add(record.key, record.uid, made.near);
      if (record.peer == 0 && record.shutdown == kShutBothWays) continue;
      const UnixRecord* peer = sockets_.local(record.peer);
      made.local = name_of(&record, record.inode);
      if (const auto found = waits_at.find(record.inode); record.peer != 0) {
        made.direction = direction_of(record, peer);
        made.far = holders_.holders_of(record.peer);
        made.remote = name_of(peer, record.peer);
        if (peer != nullptr) made.far_uid = peer->uid;
      } else {
        made.direction = Direction::kOpened;
        if (found != waits_at.end()) made.far = holders_.holders_of(found->second->inode);
        made.remote = found != waits_at.end() ? name_of(found->second, 0) : "unix:0";
      }
      emit(std::move(made));
    }
  }

  // Of pipes and terminals: those whose two ends are not the same process's alone.
  void add_pairs(Kind kind, Thing near, Thing far, const char* name) {
    std::uint32_t last = 0;
    for (const Holder& holder : holders_.all(near)) {
      if (&holder != holders_.all(near).data() && holder.inode == last) continue;
      last = holder.inode;
      Connection made{kind};
      made.near = holders_.holders_of(last, near);
      made.far = holders_.holders_of(last, far);
      made.local = made.remote = name + std::to_string(last);
      if (!made.far.empty() && (made.near != made.far || made.near.size() > 1)) emit(std::move(made));
    }
  }

  // A user with too many pids in the lists is in doubt as a whole.
  void finish() {
    for (const auto& [pid, account] : holders_.accounts())
      if (over_.count(account) != 0) to_.unreadable.push_back(pid);
    for (const uid_t account : over_)
      to_.faults.push_back({"list connections", 0, "too many processes of this user share them", account});
  }

 private:
  void emit(Connection made) {
    if (made.near.empty()) return;
    const uid_t account = holders_.account_of(made.near.front());
    if ((listed_[account] += made.near.size() + made.far.size()) > kUserPids && account != 0)
      over_.insert(account);
    else
      to_.connections.push_back(std::move(made));
  }

  bool is_own(const TcpRecord& record) const {
    Endpoint address = record.remote, local = record.local;
    address[16] = address[17] = local[16] = local[17] = 0;
    static constexpr Endpoint kLoopback6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    static constexpr std::uint8_t kLoopback4[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
    return address == local || address == kLoopback6 || contains(own_, address) ||
           std::memcmp(address.data(), kLoopback4, sizeof kLoopback4) == 0;
  }

  std::vector<pid_t> listeners_of(const Endpoint& end, std::optional<uid_t> uid) const {
    std::vector<pid_t> pids;
    for (const Endpoint& at : listening_for(end)) at_address_.add(at, uid, pids);
    sort_unique(pids);
    return pids;
  }

  // A connection without a holder is its listener's, whoever has it in flight, unless its own process has
  // closed it, or another user's process bound the address before.
  std::vector<pid_t> near_of(const TcpRecord& record) const {
    const bool waits = record.inode == 0;
    auto pids = waits ? std::vector<pid_t>() : holders_.holders_of(record.inode);
    if (!pids.empty() || (waits && is_in(kSentFin, record.state))) return pids;
    return listeners_of(record.local, waits ? std::nullopt : std::optional(record.uid));
  }

  template <typename Same>
  FarEnd far_end(const Endpoint& local, const Endpoint& remote, Same same) const {
    FarEnd far;
    const auto before = [](const TcpRecord& a, const TcpRecord& b) {
      return std::tie(a.local, a.remote) < std::tie(b.local, b.remote);
    };
    const auto& all = sockets_.tcp();
    TcpRecord first;
    first.local = local;
    first.remote = remote;
    for (auto at = std::lower_bound(all.begin(), all.end(), first, before); at != all.end() && same(*at);
         ++at) {
      far.exists = true;
      far.waits |= at->inode == 0 && !is_in(kSentFin, at->state);
      if (at->inode == 0) continue;
      ++far.held;
      far.holder = &*at;
    }
    return far;
  }

  FarEnd mirror_of(const TcpRecord& near) const {
    return far_end(near.remote, near.local, [&near](const TcpRecord& far) {
      return far.local == near.remote && far.remote == near.local;
    });
  }

  // Whatever has the far end's address: with NAT the pair is another. Counted once per address, for a busy
  // listener has thousands.
  const FarEnd& far_at(const Endpoint& address) {
    const auto [known, is_new] = far_.try_emplace(address);
    if (is_new)
      known->second = far_end(address, {}, [&address](const TcpRecord& far) { return far.local == address; });
    return known->second;
  }

  bool is_ephemeral(const Endpoint& end) const {
    const int port = end[16] * 256 + end[17];
    return port >= low_ && port <= high_;
  }

  // Guard: a client may listen at the address that it connects from.
  bool is_opened(const TcpRecord& record, bool here) const {
    const auto places = listening_for(record.local);
    if (std::any_of(places.begin(), places.end(),
                    [this](const Endpoint& at) { return sockets_.tcp_listeners().count(at) != 0; }))
      return false;
    if (here && sockets_.is_listening(record.remote)) return true;
    return is_ephemeral(record.local) && !is_ephemeral(record.remote);
  }

  // The kernel gives an accepted socket its listener's name. Guard: a client may bind a name of its own, so
  // of two named ends the one whose name a listener has was accepted.
  Direction direction_of(const UnixRecord& record, const UnixRecord* peer) const {
    const bool here = !record.key.empty();
    if (peer == nullptr) return Direction::kAccepted;  // nothing shows its name
    if (peer->key.empty()) return here ? Direction::kAccepted : Direction::kPair;
    const bool opened = !here || (sockets_.is_listening(peer->key) && !sockets_.is_listening(record.key));
    return opened ? Direction::kOpened : Direction::kAccepted;
  }

  const HolderTable& holders_;
  const SocketTable& sockets_;
  Connections& to_;
  ListenerHolders<Endpoint> at_address_;
  ListenerHolders<std::string> at_name_;
  const std::vector<Endpoint> own_ = own_addresses();
  int low_ = 32768, high_ = 60999;  // the ports from which the kernel takes one for a connection
  std::map<Endpoint, FarEnd> far_;
  std::unordered_map<uid_t, std::size_t> listed_;
  std::set<uid_t> over_;
};

}  // namespace

bool join(const HolderOptions& options, const HolderTable& holders, const SocketTable& sockets,
          const Queues& queues, Connections& to) {
  Joiner joiner(options, holders, sockets, to);
  const bool is_sure = joiner.add_tcp();
  joiner.add_unix(queues);
  joiner.add_pairs(Kind::kPipe, kPipeReader, kPipeWriter, "pipe:");
  joiner.add_pairs(Kind::kTerminal, kTerminal, kMaster, "pts/");
  joiner.finish();
  return is_sure;
}

}  // namespace reaper
