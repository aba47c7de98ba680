#include "core/sockets/connections.h"

#include <cerrno>

#include "core/base/sorted.h"
#include "core/sockets/join.h"

namespace reaper {
namespace {

// Who waits at the held unix listeners. One that has closed meanwhile has no client.
Queues ask_for_queues(const SocketTable& sockets, Questions& questions) {
  Queues queues;
  for (const auto& [listener, record] : sockets.queues()) {
    const auto found = questions.ask(listener, listener);
    auto& clients = queues[listener];
    if (!found && found.failure().code != ENOENT) clients.push_back(0);
    if (!found) continue;
    for (const std::uint32_t client : found.value().waiting)
      if (client != 0) clients.push_back(client);  // else it has died
  }
  return queues;
}

// The name of the far end tells who opened the connection.
void ask_for_peers(const SocketTable& sockets, const HolderTable& holders, Questions& questions) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> asked;
  for (const UnixRecord& record : sockets.local())
    if (record.key.empty() && record.peer != 0 && holders.is_held(record.inode) &&
        !sockets.local(record.peer))
      asked.emplace_back(record.peer, record.inode);
  for (const auto& [peer, holder] : asked) static_cast<void>(questions.ask(peer, holder));
}

}  // namespace

Connections find_connections(const HolderOptions& options, const AskKernel& ask) {
  Connections result;
  HolderTable holders;
  SocketTable sockets(holders, ask);
  Questions questions(options, holders, sockets);
  holders.read(options);
  sockets.dump(SocketTable::Scope::kListeners);
  sockets.dump(SocketTable::Scope::kAll);
  holders.read(options);
  sockets.dump(SocketTable::Scope::kAll);
  find_unlisted(options, holders, sockets, questions, result);
  sockets.sort();
  ask_for_peers(sockets, holders, questions);
  const Queues queues = ask_for_queues(sockets, questions);
  sockets.sort();
  Connections joined = result;
  if (!join(options, holders, sockets, queues, joined)) {
    sockets.dump(SocketTable::Scope::kTcp);
    joined = std::move(result);
    join(options, holders, sockets, queues, joined);
  }
  result = std::move(joined);
  result.unreadable.insert(result.unreadable.end(), holders.unreadable().begin(), holders.unreadable().end());
  sort_unique(result.unreadable);
  result.complete = sockets.faults().empty() && !holders.own_net().empty();
  result.established_tcp = sockets.established_tcp();
  result.established_unix = sockets.established_unix();
  for (const auto* found : {&sockets.faults(), &holders.faults()})
    result.faults.insert(result.faults.end(), found->begin(), found->end());
  return result;
}

}  // namespace reaper
