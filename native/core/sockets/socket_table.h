// Collects from socket dumps what matters for the given processes: one user may have millions of sockets.
#pragma once

#include <netinet/tcp.h>

#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/sockets/socket_holders.h"

namespace reaper {

constexpr std::uint32_t kGotFin = bits(TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING);

struct SocketTable {
  SocketTable(const ConnectionOptions& options, ProcDir proc, const AskKernel& from, Connections& to)
      : holders(options, std::move(proc), to), ask(from) {}

  // What one dump lacks another adds; of a socket that several show, the last one counts. Each finds the
  // connections of the listeners, and the far ends of the connections, that were shown before.
  void dump(std::uint32_t states, std::initializer_list<int> families = {AF_INET, AF_INET6, AF_UNIX});
  // Asks for one unix socket, and adds it, within a budget of the account. 0 or an errno; EDQUOT: that is
  // used up.
  int find(std::uint32_t inode, uid_t account);
  // Finds who waits at the held unix listeners whose queues the last dump showed.
  void ask_for_queues();

  // Who holds a socket; where no asked process does, who holds the listeners of its place: it waits there, or
  // is in flight. Guard: another user's socket may have had the address before.
  std::vector<pid_t> holders_of(const SocketRecord& socket) const;
  // Who holds the listeners that take connections to a place, those of one user's sockets (nullopt: of any).
  std::vector<pid_t> listeners_of(const Place& place, std::optional<uid_t> uid) const;
  bool has_listener(const Place& place) const;  // one that an asked process holds
  bool is_listening(const Place& place) const;  // any process's

  HolderTable holders;
  const AskKernel& ask;
  // Connections of held sockets and of held listeners, and what may be their far ends. A unix client that
  // waits has no end at its listener yet, so one is made here, without an inode, as TCP shows it.
  std::set<SocketRecord> ends;
  bool has_half_closed = false;              // a connection whose peer has closed or shut its sending side
  std::map<int, std::uint32_t> established;  // by family: how many the last list showed

 private:
  void add(const SocketRecord& record);
  void add_waiting(const SocketRecord& listener, std::uint32_t client);

  // Guard: who holds the listeners of a place is gathered once. A user may have a hundred at one place, each
  // held by a hundred processes, and 100,000 connections that wait there.
  std::map<Place, std::map<std::optional<uid_t>, std::set<pid_t>>> listeners_;
  std::map<std::uint32_t, SocketRecord> queues_;     // held listeners, by inode
  std::unordered_set<std::string> far_, listening_;  // the far ends; the places of any process's listeners
  std::unordered_map<uid_t, std::uint32_t> asked_;   // how often was asked for a user
};

// The end that a unix client has at its listener while it waits.
inline std::string waiting_end(std::uint32_t client) { return "waits" + unix_end(client); }

// Adds to the result what held sockets no dump shows, and the other network namespaces that matter.
void find_unlisted(SocketTable& sockets);

// The inodes in /proc/PID/net/unix, but for listeners with a path.
std::vector<std::uint32_t> parse_net_unix(std::string_view text);

}  // namespace reaper
