#include "core/sockets/connections.h"

#include <fstream>
#include <utility>

#include "core/base/sorted.h"
#include "core/sockets/join.h"

namespace reaper {
namespace {

PortRange read_port_range(const std::string& proc_root) {
  PortRange range, read;
  std::ifstream file(proc_root + "/sys/net/ipv4/ip_local_port_range");
  return file >> read.low >> read.high && read.low <= read.high ? read : range;
}

// A process in another namespace counts as connected when one of its sockets is, there.
std::vector<pid_t> connected_elsewhere(const HolderTable& holders, const SocketTable& sockets,
                                       ForeignNets& nets) {
  std::vector<pid_t> pids;
  for (const Holder& holder : holders.all()) {
    if (holders.foreign().count(holder.pid) == 0 || sockets.is_explained(holder.inode)) continue;
    const NetSockets* own = nets.sockets_of(holder.pid);
    if (own == nullptr || contains(own->connected, holder.inode)) pids.push_back(holder.pid);
  }
  return pids;
}

}  // namespace

Connections find_connections(const HolderOptions& options, const DumpSockets& dump) {
  Connections result;
  HolderTable holders;
  SocketTable sockets(holders);
  ForeignNets nets(options.proc_root, holders);
  Questions questions;
  const auto look = [&](DumpScope scope) {
    holders.read(options);
    dump(sockets, scope);
  };
  // A dump finds the other ends only of TCP connections that one before it has shown.
  look(options.quick ? DumpScope::kTcp : DumpScope::kSockets);
  if (!options.quick) holders.read(options);
  // Once: a held listener whose queue is in no dump is asked for it.
  dump(sockets, DumpScope::kAll);
  Unexplained unexplained = find_unexplained(options, holders, sockets, nets, questions);
  if (unexplained.may_change || lacks_other_end(sockets)) {
    look(DumpScope::kTcp);
    unexplained = find_unexplained(options, holders, sockets, nets, questions);
  }

  result.links = join_links(sockets, holders, read_port_range(options.proc_root));
  result.complete = sockets.complete() && holders.own_net_known();
  result.refused = sockets.refused();
  result.unreadable = holders.unreadable();
  result.foreign_net = connected_elsewhere(holders, sockets, nets);
  result.unexplained = std::move(unexplained.pids);
  result.datagram = std::move(unexplained.datagram);
  sort_unique(result.foreign_net);
  sort_unique(result.datagram);
  result.established_tcp = sockets.established_tcp();
  result.established_unix = sockets.established_unix();
  for (const auto* found :
       {&sockets.faults(), &holders.faults(), &nets.faults(), &std::as_const(unexplained.faults)})
    result.faults.insert(result.faults.end(), found->begin(), found->end());
  return result;
}

}  // namespace reaper
