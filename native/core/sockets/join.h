// Joins sockets and descriptors: which of the given processes hold the ends of which connections.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "core/sockets/link.h"
#include "core/sockets/socket_holders.h"
#include "core/sockets/socket_table.h"

namespace reaper {

// The ports from which the kernel takes one for a connection that names none.
struct PortRange {
  std::uint16_t low = 32768, high = 60999;
};

// Sorted by kind, pid, peer_pid, direction and other_host, which no two links share.
std::vector<Link> join_links(const SocketTable& sockets, const HolderTable& holders,
                             const PortRange& ephemeral);

// Whether some held end's other end on this host is held by none of the processes asked about: a connection
// that was made, accepted or handed to another process while descriptors were read looks so.
bool has_one_sided_links(const SocketTable& sockets, const HolderTable& holders);

}  // namespace reaper
