// A link: the established connections of one kind between two processes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace reaper {

enum class LinkKind { kTcp, kUnix };

// `pid` holds one end and `peer_pid` the other; it is empty when none of the processes asked about holds that
// end. The addresses are those of one of the connections.
struct Link {
  LinkKind kind;
  pid_t pid;
  std::optional<pid_t> peer_pid;
  std::string local, remote;
  std::uint32_t sockets = 1;  // how many sockets of `pid`
};

}  // namespace reaper
