// Finds the processes that hold a stream socket which no dump shows: one of another namespace, or one that a
// dump skipped. What such a socket is connected to is not known.
#pragma once

#include <sys/types.h>

#include <vector>

#include "core/base/fault.h"
#include "core/sockets/proc_net.h"
#include "core/sockets/socket_holders.h"
#include "core/sockets/socket_table.h"

namespace reaper {

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
