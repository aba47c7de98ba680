// Finds which of the given processes are connected to which, and what about that could not be known.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/fault.h"
#include "core/sockets/link.h"
#include "core/sockets/socket_holders.h"
#include "core/sockets/socket_table.h"

namespace reaper {

struct Connections {
  bool complete = false;  // false: a dump failed or was cut, so no absence of a link means anything
  bool refused = false;   // the kernel or a sandbox does not offer the dumps at all
  std::vector<Link> links;
  std::vector<pid_t> unreadable;  // their descriptors could not be read, or exceed their user's budget
  // In another network namespace where something is connected to them, or that could not be read.
  std::vector<pid_t> foreign_net;
  std::vector<pid_t> unexplained;  // they hold a stream socket that no dump shows
  std::vector<pid_t> datagram;     // they hold a UDP socket, of which nothing shows who sends to it
  std::uint32_t established_tcp = 0, established_unix = 0;
  std::vector<Fault> faults;
};

// Reads the descriptors and dumps the sockets twice, for a dump may skip one. Reads and dumps once more, and
// keeps what any reading saw, while some held end's other end on this host is held by none of the processes
// or a held socket is in no dump: a connection made, accepted or handed on in between would look so. `dump`:
// where the sockets are listed; tests give another source than the kernel.
Connections find_connections(const HolderOptions& options,
                             const std::function<void(SocketTable&)>& dump = dump_sockets);

}  // namespace reaper
