// Finds what is connected to the given processes, and what about that could not be known, in the words of
// src/core/observation/connections.ts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/owners.h"
#include "core/base/result.h"
#include "core/sockets/sock_diag.h"

namespace reaper {

// Guard: a user over one of these budgets is in doubt as a whole, and alone. Root has none.
struct ConnectionOptions {
  std::string proc_root = "/proc";
  std::vector<pid_t> pids;
  Owners owners;
  // Each descriptor costs about 8 us, and 600 processes that share 20,000 descriptors would take minutes.
  std::size_t user_descriptors = 65536;
  // In the lists of one user's connections: a thousand processes that hold one listener could ask for 10^9.
  std::size_t user_pids = 1 << 20;
};

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
  std::string id{};
  std::vector<pid_t> pids{};
  bool only_loopback = false;
};

struct Unlisted {
  pid_t pid;
  std::optional<std::string> net;
};

struct Connections {
  bool complete = true;
  std::vector<Connection> connections;
  std::set<pid_t> unreadable;
  std::vector<Unlisted> unlisted;
  std::vector<OtherNet> other_nets;
  std::uint32_t established_tcp = 0, established_unix = 0;
  std::vector<Fault> faults;
};

// Reads the descriptors once: what changes hands meanwhile has its listener's address still. Then lists the
// sockets twice and keeps what either list shows, for one may lack a socket that lives all along (under load
// 9 to 27 % of them do). `ask`: who answers; tests give another than the kernel.
Connections find_connections(const ConnectionOptions& options, const AskKernel& ask = ask_kernel);

}  // namespace reaper
