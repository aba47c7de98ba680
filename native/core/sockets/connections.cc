#include "core/sockets/connections.h"

#include <netinet/tcp.h>

#include "core/base/sorted.h"
#include "core/sockets/socket_table.h"

namespace reaper {

Connections find_connections(const HolderOptions& options, const AskKernel& ask) {
  Connections result;
  const HolderTable holders = read_holders(options);
  SocketTable sockets(options, holders, ask);
  constexpr std::uint32_t kAll = ~0u;
  sockets.dump(bits(TCP_LISTEN));
  sockets.dump(kAll);
  sockets.ask_for_queues();  // before the last dump, which shows what is accepted meanwhile
  sockets.dump(kAll);
  // The far end of a half-closed connection is dead if no record shows it, so that is looked for once more.
  if (sockets.has_half_closed) sockets.dump_tcp(kAll);
  find_unlisted(sockets, result);
  join(sockets, result);
  result.complete = sockets.faults.empty() && !holders.own_net.empty();
  result.established_tcp = sockets.established_tcp;
  result.established_unix = sockets.established_unix;
  result.unreadable.insert(result.unreadable.end(), holders.unreadable.begin(), holders.unreadable.end());
  sort_unique(result.unreadable);
  result.faults.insert(result.faults.end(), sockets.faults.begin(), sockets.faults.end());
  result.faults.insert(result.faults.end(), holders.faults.begin(), holders.faults.end());
  return result;
}

}  // namespace reaper
