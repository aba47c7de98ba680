// Collects from socket dumps what matters for the given processes: one user may have millions of sockets.
#pragma once

#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/sockets/connections.h"
#include "core/sockets/sock_diag.h"

namespace reaper {

// Who holds the listeners at an address, or of a name's key, by the uid of their sockets.
template <typename Key>
using Listeners = std::map<Key, std::map<std::optional<uid_t>, std::set<pid_t>>>;

// The addresses that take connections to `end`: itself, 0.0.0.0 (of IPv6: :: that takes no IPv4), and ::.
std::array<Endpoint, 3> listening_for(const Endpoint& end);

template <typename Set>
bool is_any_in(const Set& set, const Endpoint& end) {
  const auto places = listening_for(end);
  return std::any_of(places.begin(), places.end(), [&set](const Endpoint& at) { return set.count(at) != 0; });
}

constexpr std::uint32_t kGotFin = bits(TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING);

struct SocketTable {
  SocketTable(const HolderOptions& with, const HolderTable& by, const AskKernel& from)
      : options(with), holders(by), ask(from) {}

  // What one dump lacks another adds; of a socket that several show, the last one counts. Each finds the
  // connections of the listeners, and the far ends of the connections, that were shown before.
  void dump(std::uint32_t states);
  void dump_tcp(std::uint32_t states);
  // Asks for one unix socket, and adds it, within a budget of the account. EDQUOT: that is used up.
  std::optional<Failure> find(std::uint32_t inode, uid_t account);
  // Finds who waits at the held unix listeners whose queues the last dump showed.
  void ask_for_queues();

  const HolderOptions& options;
  const HolderTable& holders;
  const AskKernel& ask;
  // Connections of held sockets and held listeners, and what has a far end's address.
  std::set<TcpRecord> tcp;
  // Connected streams and seqpackets that are held or have a held listener's name, and their peers.
  std::map<std::uint32_t, UnixRecord> local;
  std::map<std::uint32_t, UnixRecord> local_listeners;  // held ones
  std::set<std::pair<std::uint32_t, std::uint32_t>>
      waiting;  // a client (0: not known), and at which of these
  Listeners<Endpoint> tcp_holders;
  Listeners<std::string> local_holders;
  std::set<Endpoint> listening, far;               // any process's; the far ends' addresses
  std::unordered_set<std::size_t> names;           // of any listener, as hashes, for they may be long
  std::unordered_set<std::uint32_t> known, peers;  // held sockets in whatever state; the far ends
  std::uint32_t established_tcp = 0, established_unix = 0;
  bool has_half_closed = false;  // a connection whose peer has closed or shut its sending side
  std::vector<Fault> faults;     // none: every dump was complete

 private:
  void note(const char* what, const std::optional<Failure>& failure);
  void add(const TcpRecord& record);
  void add(const UnixRecord& record);

  // How often was asked for a user, and the CPU time that it took in milliseconds.
  std::unordered_map<uid_t, std::pair<std::uint32_t, std::int64_t>> asked_;
};

// Adds the connections.
void join(const SocketTable& sockets, Connections& to);

// Adds what held sockets no dump shows, and the other network namespaces that matter.
void find_unlisted(SocketTable& sockets, Connections& to);

// Adds the inodes in /proc/PID/net/unix, but for listeners with a path; false: cut.
bool parse_net_unix(std::string_view text, std::vector<std::uint32_t>& inodes);

}  // namespace reaper
