// A link: the established connections, or pipes, of one kind and direction between two processes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace reaper {

enum class LinkKind { kTcp, kUnix, kPipe };

// How `pid` got its end. kAccepted: it listened, also while the connection waits to be accepted. kUnknown:
// the kernel does not show which (a socket pair, a pipe, or two listening ports).
enum class LinkDirection { kUnknown, kAccepted, kOpened };

// `pid` holds one end and `peer_pid` the other; it is empty when none of the processes asked about holds that
// end. The addresses are those of one of the connections.
struct Link {
  LinkKind kind;
  pid_t pid;
  std::optional<pid_t> peer_pid;
  std::string local, remote;
  std::uint32_t sockets = 1;  // how many sockets of `pid`
  LinkDirection direction = LinkDirection::kUnknown;
  bool other_host = false;  // TCP: the other end is at an address that is not this host's
};

}  // namespace reaper
