// The steps of find_connections: joins sockets and descriptors, and finds what the dumps lack.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/sockets/connections.h"
#include "core/sockets/proc_net.h"

namespace reaper {

// The ports from which the kernel takes one for a connection that names none.
struct PortRange {
  std::uint16_t low = 32768, high = 60999;
};

// Finds the links between the holders of sockets. Sorted by kind, pid, peer_pid, direction and other_host,
// which no two links share.
std::vector<Link> join_links(const SocketTable& sockets, const HolderTable& holders,
                             const PortRange& ephemeral);

// Whether some held TCP socket's other end, on this host, is in no dump: a dump skipped it, or was over
// before the socket was known to be held.
bool lacks_other_end(const SocketTable& sockets);

// The processes that hold a stream socket which no dump shows: one of another namespace, or one that a dump
// skipped. What such a socket is connected to is not known.
struct Unexplained {
  std::vector<pid_t> pids;      // sorted
  std::vector<pid_t> datagram;  // they hold a UDP socket
  // Another look may tell more: a descriptor was closed or used again since it was read, so its process may
  // have a new connection, or a dump skipped a socket.
  bool may_change = false;
  std::vector<Fault> faults;
};

// What was asked about single unix sockets.
struct Questions {
  // How many of a user's, and the CPU time that they took in milliseconds.
  std::unordered_map<uid_t, std::pair<std::uint32_t, std::int64_t>> of_user;
  std::set<std::uint32_t> absent;  // not in this network namespace, and an open socket never comes into it
};

// Asks the kernel one by one for what the dumps lack: held unix sockets, and the queues of held unix
// listeners.
Unexplained find_unexplained(const HolderOptions& options, const HolderTable& holders, SocketTable& sockets,
                             ForeignNets& nets, Questions& questions);

}  // namespace reaper
