#include "core/sockets/connections.h"

#include <cerrno>
#include <utility>

#include "core/base/sorted.h"
#include "core/sockets/socket_table.h"

namespace reaper {
namespace {

// Asks each held unix listener once who waits there; 0: a client whose socket is not known. A listener that
// has closed meanwhile has none.
void ask_for_queues(SocketTable& sockets) {
  for (auto& [inode, listener] : sockets.queues) {
    if (std::exchange(listener.queue, 0) == 0) continue;
    std::vector<pid_t> pids;
    sockets.holders.add_holders_of(inode, pids);
    const auto found = sockets.find(inode, sockets.holders.account_of(pids.front()));
    if (found)
      for (const std::uint32_t client : found.value().waiting)
        if (client != 0) listener.waiting.push_back(client);
    if (!found && found.failure().code != ENOENT) listener.waiting.push_back(0);
  }
}

}  // namespace

Connections find_connections(const HolderOptions& options, const AskKernel& ask) {
  Connections result;
  HolderTable holders;
  SocketTable sockets(options, holders, ask);
  holders.read(options);
  sockets.dump(SocketTable::Scope::kListeners);
  sockets.dump(SocketTable::Scope::kAll);
  holders.read(options);
  ask_for_queues(sockets);  // before the last dump, which shows what is accepted meanwhile
  sockets.dump(SocketTable::Scope::kAll);
  find_unlisted(sockets, result);
  ask_for_queues(sockets);
  sockets.sort();
  Connections joined = result;
  if (!join(sockets, joined)) {
    sockets.dump(SocketTable::Scope::kTcp);
    joined = std::move(result);
    join(sockets, joined);
  }
  joined.complete = sockets.faults.empty() && !holders.own_net.empty();
  joined.established_tcp = sockets.established_tcp;
  joined.established_unix = sockets.established_unix;
  joined.unreadable.insert(joined.unreadable.end(), holders.unreadable.begin(), holders.unreadable.end());
  sort_unique(joined.unreadable);
  for (const auto* found : {&sockets.faults, &holders.faults})
    joined.faults.insert(joined.faults.end(), found->begin(), found->end());
  return joined;
}

}  // namespace reaper
