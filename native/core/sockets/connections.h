// Finds what is connected to the given processes, and what about that could not be known, in the words of
// src/core/observation/connections.ts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/sockets/sock_diag.h"
#include "core/sockets/socket_holders.h"

namespace reaper {

enum class Kind { kTcp, kUnix, kPipe, kTerminal };
enum class Direction { kAccepted, kOpened, kPair };

struct Connection {
  Kind kind;
  Direction direction = Direction::kPair;
  std::vector<pid_t> near{}, far{};
  std::string local{}, remote{};
  bool other_host = false;
  std::optional<uid_t> far_uid{};
  std::optional<std::uint32_t> idle{};
};

struct OtherNet {
  std::string id;
  std::vector<pid_t> pids;
  bool only_loopback;
};

struct Unlisted {
  pid_t pid;
  std::optional<std::string> net;
};

struct Connections {
  bool complete = false;
  std::vector<Connection> connections;
  std::vector<pid_t> unreadable;
  std::vector<Unlisted> unlisted;
  std::vector<OtherNet> other_nets;
  std::uint32_t established_tcp = 0, established_unix = 0;
  std::vector<Fault> faults;
};

// Reads the descriptors once: what changes hands meanwhile has its listener's address still. Then lists the
// sockets twice and keeps what either list shows, for one may lack a socket that lives all along (under load
// 9 to 27 % of them do). `ask`: who answers; tests give another than the kernel.
Connections find_connections(const HolderOptions& options, const AskKernel& ask = ask_kernel);

}  // namespace reaper
