// Finds which of the given processes are connected to which, and what about that could not be known.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/sockets/socket_holders.h"
#include "core/sockets/socket_table.h"

namespace reaper {

enum class LinkKind { kTcp, kUnix, kPipe };

// How `pid` got its end. kAccepted: it listened, also while the connection waits to be accepted. kUnknown:
// the kernel does not show which (a socket pair, a pipe, or two listening ports).
enum class LinkDirection { kUnknown, kAccepted, kOpened };

// The established connections, or pipes, of one kind and direction between two processes. `pid` holds one end
// and `peer_pid` the other; it is empty when none of the processes asked about holds that end. The addresses
// are those of one of the connections.
struct Link {
  LinkKind kind;
  pid_t pid;
  std::optional<pid_t> peer_pid;
  std::string local, remote;
  std::uint32_t sockets = 1;  // how many sockets of `pid`
  LinkDirection direction = LinkDirection::kUnknown;
  bool other_host = false;  // TCP: the other end is at an address that is not this host's
};

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
  std::vector<Fault> faults;  // each look adds its own
};

// Reads the descriptors and dumps the sockets twice, and keeps what either reading saw: a dump may skip a
// socket, and a connection may be made, accepted or handed on in between. Reads them once more if a held
// socket or its other end is in no dump, and dumps TCP alone. Guard: a dump of unix sockets takes 1.5 s where
// one user holds 1.4 million, and unix sockets can be asked for one by one. A quick look reads descriptors
// and unix sockets once. `dump`: where the sockets are listed; tests give another source than the kernel.
Connections find_connections(const HolderOptions& options, const DumpSockets& dump = dump_sockets);

}  // namespace reaper
