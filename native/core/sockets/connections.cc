#include "core/sockets/connections.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "core/sockets/socket_table.h"

namespace reaper {
namespace {

constexpr std::uint8_t kShutBothWays = 3;  // RCV_SHUTDOWN | SEND_SHUTDOWN
constexpr std::uint32_t kSentFin =
    bits(TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_LAST_ACK, TCP_CLOSING, TCP_TIME_WAIT);
constexpr std::uint32_t kFlowing = kGotFin | bits(TCP_ESTABLISHED, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2,
                                                  12);  // 12: half open (TCP_NEW_SYN_RECV)

// The TCP sockets at an address.
struct FarEnd {
  bool exists = false, waits = false;  // waits: no process has closed one, although none may hold it
  std::uint32_t held = 0;              // how many have an inode; `holder` is the last of them
  const SocketRecord* holder = nullptr;
};

class Joiner {
 public:
  explicit Joiner(SocketTable& sockets) : sockets_(sockets), holders_(sockets.holders) {
    std::ifstream file(holders_.options.proc_root + "/sys/net/ipv4/ip_local_port_range");
    if (!(file >> low_port_ >> high_port_)) low_port_ = 32768, high_port_ = 60999;
    for (const SocketRecord& each : sockets_.ends)
      if (each.is_tcp)
        for (FarEnd* at : {&ends_[{each.end, each.far}], &ends_[{each.end, {}}]}) {
          at->exists = true;
          at->waits |= !is_in(kSentFin, each.state);
          at->held += each.inode != 0;
          if (each.inode != 0) at->holder = &each;
        }
  }

  void add_sockets() {
    for (const SocketRecord& near : sockets_.ends) {
      const bool is_closed = near.inode == 0 && is_in(kSentFin, near.state);
      if (!is_in(kFlowing, near.state) || is_closed) continue;
      Connection made{near.is_tcp ? Kind::kTcp : Kind::kUnix};
      made.near = sockets_.holders_of(near);
      if (made.near.empty()) continue;
      if (near.is_tcp ? join_tcp(near, made) : join_unix(near, made)) add(std::move(made));
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

 private:
  void add(Connection made) {
    const uid_t account = holders_.account_of(made.near.front());
    listed_[account] += made.near.size() + made.far.size();
    if (account != 0 && listed_[account] > holders_.options.user_pids)
      holders_.add_over_budget(account, "list connections", "this user has too many that processes share");
    else
      holders_.to.connections.push_back(std::move(made));
  }

  // False: the far end is dead.
  bool join_tcp(const SocketRecord& near, Connection& made) {
    FarEnd far = ends_[{near.far, near.end}];
    const bool has_mirror = far.exists, here = has_mirror || is_own(near);
    if (!has_mirror) far = ends_[{near.far, {}}];  // with NAT the far end's pair is another
    // Guard: a record of the same address to another end (a TIME_WAIT) says nothing of a client that these
    // lists lack.
    const bool may_be_dead = here && far.held == 0 && !far.waits;
    if (may_be_dead && (has_mirror || is_in(kGotFin, near.state))) return false;
    if (here && far.held == 1) {
      made.far = holders_.holders_of(far.holder->inode);
      made.far_uid = far.holder->uid;
    } else if (here && far.held == 0) {
      made.far = sockets_.listeners_of(near.far, std::nullopt);  // it waits there
    }
    made.direction = is_opened(near, here) ? Direction::kOpened : Direction::kAccepted;
    made.local = place_text(near.end);
    made.remote = place_text(near.far);
    made.other_host = !here;
    made.idle = near.idle;
    return true;
  }

  // Whether the far end is on this host: to an address of its own a host connects from that address.
  static bool is_own(const SocketRecord& near) {
    const std::string_view far = std::string_view(near.far).substr(0, near.far.size() - 2);
    return far.substr(0, 2) == "4\x7f" || far == std::string_view(near.end).substr(0, near.end.size() - 2);
  }

  // Guard: a client may listen at the address that it connects from.
  bool is_opened(const SocketRecord& near, bool here) const {
    if (sockets_.has_listener(near.place)) return false;
    if (here && sockets_.is_listening(near.far)) return true;
    const bool is_ephemeral = port_of(near.end) >= low_port_ && port_of(near.end) <= high_port_;
    // Other systems give their clients other ports: 32768 and more (Linux), 49152 and more (Windows, macOS).
    return is_ephemeral && port_of(near.far) < std::min(low_port_, 32768);
  }

  // False: the peer has closed.
  bool join_unix(const SocketRecord& near, Connection& made) const {
    if (near.peer == 0 && near.shutdown == kShutBothWays) return false;
    SocketRecord key;
    key.end = near.peer != 0 ? near.far : waiting_end(near.inode);
    const auto found = sockets_.ends.find(key);
    const SocketRecord* far = found == sockets_.ends.end() ? nullptr : &*found;
    made.direction = direction_of(near, far);
    if (near.peer != 0)
      made.far = holders_.holders_of(near.peer);
    else if (far != nullptr)
      made.far = sockets_.holders_of(*far);  // it waits there
    if (far != nullptr) made.far_uid = far->uid;
    made.local = unix_text(&near, near.inode);
    made.remote = unix_text(far, near.peer);
    return true;
  }

  // The kernel gives an accepted socket its listener's name. Guard: a client may bind a name of its own, so
  // of two named ends the one whose name a listener has was accepted.
  Direction direction_of(const SocketRecord& near, const SocketRecord* far) const {
    if (near.inode == 0) return Direction::kAccepted;
    if (near.peer == 0) return Direction::kOpened;    // it waits to be accepted
    if (far == nullptr) return Direction::kAccepted;  // its name is not known
    if (near.place.empty() && far->place.empty()) return Direction::kPair;
    const bool is_fars =
        near.place.empty() || (sockets_.is_listening(far->place) && !sockets_.is_listening(near.place));
    return is_fars ? Direction::kOpened : Direction::kAccepted;
  }

  // As /proc/net/unix shows it.
  static std::string unix_text(const SocketRecord* socket, std::uint32_t inode) {
    if (socket == nullptr || socket->name.empty()) return "unix:" + std::to_string(inode);
    std::string text = socket->name;
    std::replace(text.begin(), text.end(), '\0', '@');  // of an abstract one
    return text;
  }

  const SocketTable& sockets_;
  HolderTable& holders_;
  int low_port_ = 0, high_port_ = 0;  // the ports from which the kernel takes one for a connection
  // By an address and its far one, and by the address alone.
  std::map<std::pair<Place, Place>, FarEnd> ends_;
  std::map<uid_t, std::size_t> listed_;
};

}  // namespace

Connections find_connections(const ConnectionOptions& options, const AskKernel& ask) {
  Connections result;
  auto proc = ProcDir::open(options.proc_root);
  if (!proc) {
    result.complete = false;
    result.unreadable.insert(options.pids.begin(), options.pids.end());
    result.faults.push_back({proc.failure().what, 0, error_text(proc.failure().code)});
    return result;
  }
  SocketTable sockets(options, proc.take(), ask, result);
  constexpr std::uint32_t kAll = ~0u;
  sockets.dump(bits(TCP_LISTEN));
  sockets.dump(kAll);
  sockets.ask_for_queues();  // before the last list, which shows what is accepted meanwhile
  sockets.dump(kAll);
  // The far end of a half-closed connection is dead if no record shows it, so that is looked for once more.
  if (sockets.has_half_closed) sockets.dump(kAll, {AF_INET, AF_INET6});
  find_unlisted(sockets);
  Joiner joiner(sockets);
  joiner.add_sockets();
  joiner.add_pairs(Kind::kPipe, kPipeReader, kPipeWriter, "pipe:");
  joiner.add_pairs(Kind::kTerminal, kTerminal, kMaster, "pts/");
  result.established_tcp = sockets.established[AF_INET] + sockets.established[AF_INET6];
  result.established_unix = sockets.established[AF_UNIX];
  return result;
}

}  // namespace reaper
