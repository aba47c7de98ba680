// Collects from socket dumps what matters for the given processes: one user may have millions of sockets.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/sockets/connections.h"

namespace reaper {

// Who holds the listeners at an address, or of a name's key, by the uid of their sockets.
template <typename Key>
using Listeners = std::map<Key, std::map<std::optional<uid_t>, std::vector<pid_t>>>;

// The addresses that take connections to `end`: itself, 0.0.0.0 (of IPv6: :: that takes no IPv4), and ::.
std::array<Endpoint, 3> listening_for(const Endpoint& end);

template <typename Set>
bool is_any_in(const Set& set, const Endpoint& end) {
  const auto places = listening_for(end);
  return std::any_of(places.begin(), places.end(), [&set](const Endpoint& at) { return set.count(at) != 0; });
}

struct SocketTable {
  SocketTable(const HolderOptions& with, const HolderTable& by, const AskKernel& from)
      : options(with), holders(by), ask(from) {}

  // What one dump lacks another adds; of a socket that several show, the last one counts. Each finds the
  // connections of the listeners, and the far ends of the connections, that those before it have shown.
  enum class Scope { kListeners, kTcp, kAll };
  void dump(Scope scope);
  // Asks for one unix socket, and adds it, within a budget of the account. EDQUOT: that is used up.
  Result<UnixRecord> find(std::uint32_t inode, uid_t account);
  void sort();
  const UnixRecord* local_of(std::uint32_t inode) const;  // nullptr: no dump showed it

  const HolderOptions& options;
  const HolderTable& holders;
  const AskKernel& ask;
  // Connections of held sockets and held listeners, and what has a far end's address. Sorted by addresses.
  std::vector<TcpRecord> tcp;
  // Connected streams and seqpackets that are held or have a held listener's name, and their peers. By inode.
  std::vector<UnixRecord> local;
  Listeners<Endpoint> tcp_listeners;  // held ones
  Listeners<std::string> unix_listeners;
  std::map<std::uint32_t, UnixRecord> queues;  // held ones at which clients wait
  struct Hash {
    std::size_t operator()(const Endpoint& end) const {
      return std::hash<std::string_view>()({reinterpret_cast<const char*>(end.data()), end.size()});
    }
  };
  std::unordered_set<Endpoint, Hash> listening, far;  // any process's; the far ends' addresses
  std::unordered_set<std::size_t> names;              // of any listener, as hashes, for they may be long
  std::unordered_set<std::uint32_t> known, peers;     // held sockets in whatever state; the far ends
  std::uint32_t established_tcp = 0, established_unix = 0;
  std::vector<Fault> faults;  // none: every dump was complete

 private:
  void add(TcpRecord& record);
  void add(UnixRecord& record);

  // How often was asked for a user, and the CPU time that it took in milliseconds.
  std::unordered_map<uid_t, std::pair<std::uint32_t, std::int64_t>> asked_;
};

// Adds the connections. False: one was left out because no dump showed its far end.
bool join(const SocketTable& sockets, Connections& to);

// Adds what held sockets no dump shows, and the other network namespaces that matter.
void find_unlisted(SocketTable& sockets, Connections& to);

// Adds the inodes in /proc/PID/net/tcp, tcp6 or unix, but for unix listeners with a path; false: malformed or
// cut.
bool parse_net_sockets(std::string_view text, bool is_unix, std::vector<std::uint32_t>& inodes);

}  // namespace reaper
