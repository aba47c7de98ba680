// The steps of find_connections.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/sockets/connections.h"
#include "core/sockets/socket_table.h"

namespace reaper {

// Asks about single unix sockets, within a budget per user.
class Questions {
 public:
  Questions(const HolderOptions& options, const HolderTable& holders, SocketTable& sockets)
      : options_(options), holders_(holders), sockets_(sockets) {}
  // EDQUOT: the user who holds `holder` has no question left.
  Result<UnixRecord> ask(std::uint32_t inode, std::uint32_t holder);

 private:
  const HolderOptions& options_;
  const HolderTable& holders_;
  SocketTable& sockets_;
  // How many of a user's, and the CPU time that they took in milliseconds.
  std::unordered_map<uid_t, std::pair<std::uint32_t, std::int64_t>> asked_;
};

// By listener, the sockets of the clients that wait there; 0: one whose socket is not known.
using Queues = std::map<std::uint32_t, std::vector<std::uint32_t>>;

// Adds the connections. False: one was dropped for dead because no dump showed its far end.
bool join(const HolderOptions& options, const HolderTable& holders, const SocketTable& sockets,
          const Queues& queues, Connections& to);

// Adds the inodes in /proc/PID/net/tcp, tcp6 or unix; false: malformed or cut.
bool parse_net_sockets(std::string_view text, bool is_unix, std::vector<std::uint32_t>& inodes);

// Adds what held sockets no dump shows, and the other network namespaces that matter.
void find_unlisted(const HolderOptions& options, const HolderTable& holders, const SocketTable& sockets,
                   Questions& questions, Connections& to);

}  // namespace reaper
