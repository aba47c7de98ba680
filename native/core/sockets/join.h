// The steps of find_connections: joins sockets and descriptors, and finds what the dumps lack.
#pragma once

#include <sys/types.h>

#include <cstdint>
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

// Whether some held end's other end on this host is held by none of the processes asked about: a connection
// that was made, accepted or handed to another process while descriptors were read looks so.
bool has_one_sided_links(const SocketTable& sockets, const HolderTable& holders);

// The processes that hold a stream socket which no dump shows: one of another namespace, or one that a dump
// skipped. What such a socket is connected to is not known.
struct Unexplained {
  std::vector<pid_t> pids;      // sorted
  std::vector<pid_t> datagram;  // they hold a UDP socket
  // Some descriptor was closed or used again since it was read, so its process may have a new connection.
  bool changed = false;
  std::vector<Fault> faults;
};

// Asks the kernel one by one for what the dumps lack: held unix sockets, and the queues of held unix
// listeners.
Unexplained find_unexplained(const HolderOptions& options, const HolderTable& holders, SocketTable& sockets,
                             ForeignNets& nets);

}  // namespace reaper
