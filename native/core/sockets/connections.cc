#include "core/sockets/connections.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "core/sockets/join.h"
#include "core/sockets/proc_net.h"
#include "core/sockets/unexplained.h"

namespace reaper {
namespace {

void add_faults(std::vector<Fault>& faults, const std::vector<Fault>& more) {
  for (const Fault& fault : more) {
    const auto same = [&](const Fault& known) {
      return known.what == fault.what && known.pid == fault.pid && known.uid == fault.uid &&
             known.detail == fault.detail;
    };
    if (std::none_of(faults.begin(), faults.end(), same)) faults.push_back(fault);
  }
}

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
    if (own == nullptr || std::binary_search(own->connected.begin(), own->connected.end(), holder.inode))
      pids.push_back(holder.pid);
  }
  return pids;
}

void sort_unique(std::vector<pid_t>& pids) {
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
}

}  // namespace

Connections find_connections(const HolderOptions& options, const std::function<void(SocketTable&)>& dump) {
  Connections result;
  HolderTable holders;
  SocketTable sockets(holders);
  ForeignNets nets(options.proc_root, holders);
  holders.read(options);
  dump(sockets);
  dump(sockets);
  Unexplained unexplained = find_unexplained(options, holders, sockets, nets);
  if (!unexplained.pids.empty() || unexplained.changed || has_one_sided_links(sockets, holders)) {
    holders.read(options);
    dump(sockets);
    unexplained = find_unexplained(options, holders, sockets, nets);
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
  add_faults(result.faults, sockets.faults());
  add_faults(result.faults, holders.faults());
  add_faults(result.faults, nets.faults());
  add_faults(result.faults, unexplained.faults);
  return result;
}

}  // namespace reaper
