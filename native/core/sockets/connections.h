// Who is connected to whom: established sockets and which of the given processes hold their ends.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/fault.h"
#include "core/sockets/link.h"

namespace reaper {

enum class ConnectionSource { kNetlink, kProc, kNone };

struct Connections {
  bool complete = false;  // false: a dump failed or was cut, so no absence of a link means anything
  ConnectionSource source = ConnectionSource::kNone;
  std::vector<Link> links;         // sorted by kind, pid and peer_pid, which no two share
  std::vector<pid_t> unreadable;   // their descriptors could not be read
  std::vector<pid_t> foreign_net;  // in another network namespace than this process
  std::uint32_t established_tcp = 0, established_unix = 0;
  std::vector<Fault> faults;
};

// Lists the sockets, the descriptors, and the sockets again. Looks a second time, and keeps what any look
// saw, while some held end's other end on this host is held by none of `pids`: a connection made, accepted or
// handed to another process in between would look one-sided. Where every such end had its descriptor before
// any was read, only descriptors that may have changed are read again; else all, and the sockets once more.
Connections find_connections(const std::string& proc_root, const std::vector<pid_t>& pids);

// The same with another source of sockets (core/socket_table.h), for tests.
struct SocketTable;
using SocketReader = SocketTable (*)(const std::string& proc_root);
Connections find_connections(const std::string& proc_root, const std::vector<pid_t>& pids,
                             SocketReader read_sockets);

}  // namespace reaper
