#include "core/sockets/connections.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "core/sockets/inode_index.h"
#include "core/sockets/join.h"
#include "core/sockets/sock_diag.h"
#include "core/sockets/socket_holders.h"
#include "core/sockets/socket_table.h"

namespace reaper {
namespace {

void add_faults(std::vector<Fault>& faults, const std::vector<Fault>& more) {
  for (const Fault& fault : more) {
    const auto same = [&](const Fault& known) {
      return known.what == fault.what && known.pid == fault.pid && known.detail == fault.detail;
    };
    if (std::none_of(faults.begin(), faults.end(), same)) faults.push_back(fault);
  }
}

// The sockets that have a descriptor, sorted.
std::vector<std::uint32_t> inodes_of(const SocketTable& sockets) {
  std::vector<std::uint32_t> inodes;
  inodes.reserve(sockets.tcp.size() + sockets.local.size());
  for (const TcpRecord& record : sockets.tcp)
    if (record.inode != 0) inodes.push_back(record.inode);
  for (const UnixRecord& record : sockets.local)
    if (record.inode != 0) inodes.push_back(record.inode);
  std::sort(inodes.begin(), inodes.end());
  return inodes;
}

bool same_ends(const TcpRecord& a, const TcpRecord& b) { return a.local == b.local && a.remote == b.remote; }

template <typename Record>
InodeIndex index_of(const std::vector<Record>& records) {
  InodeIndex index(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) index.add(records[i].inode, i);
  return index;
}

// What either look saw. A unix socket without a peer in one look and with one in the other has one.
SocketTable merge(SocketTable first, SocketTable second) {
  SocketTable both = std::move(second);
  const auto tcp = index_of(both.tcp);
  for (const TcpRecord& record : first.tcp) {
    const std::size_t same = tcp.find(record.inode);
    if (record.inode == 0 || same == InodeIndex::kNone || !same_ends(both.tcp[same], record))
      both.tcp.push_back(record);
  }
  const auto local = index_of(both.local);
  for (UnixRecord& record : first.local) {
    const std::size_t same = local.find(record.inode);
    if (same == InodeIndex::kNone)
      both.local.push_back(std::move(record));
    else if (both.local[same].peer == 0)
      both.local[same] = std::move(record);
    else if (record.peer != 0 && record.peer != both.local[same].peer)
      both.local.push_back(std::move(record));
  }
  both.tcp_listening.insert(both.tcp_listening.end(), first.tcp_listening.begin(), first.tcp_listening.end());
  std::move(first.local_listening.begin(), first.local_listening.end(),
            std::back_inserter(both.local_listening));
  both.complete &= first.complete;
  both.from_proc |= first.from_proc;
  both.empty_handed &= first.empty_handed;
  add_faults(both.faults, first.faults);
  return both;
}

}  // namespace

Connections find_connections(const std::string& proc_root, const std::vector<pid_t>& pids) {
  return find_connections(proc_root, pids, read_sockets);
}

Connections find_connections(const std::string& proc_root, const std::vector<pid_t>& pids,
                             SocketReader read) {
  Connections result;
  FdTable fds;
  SocketTable before = read(proc_root);
  read_fd_table(proc_root, pids, fds);
  SocketTable sockets = read(proc_root);
  result.established_tcp = static_cast<std::uint32_t>(sockets.tcp.size());
  result.established_unix = sockets.established_unix;
  auto table = std::make_unique<LinkTable>(sockets, fds);
  if (const auto missing = table->missing(); !missing.empty()) {
    const auto known = inodes_of(before);
    if (std::includes(known.begin(), known.end(), missing.begin(), missing.end())) {
      // All of them had their descriptors before any were read: they are strangers', or were handed on since.
      read_fd_table(proc_root, pids, fds, fds.settled(inodes_of(sockets)));
    } else {
      read_fd_table(proc_root, pids, fds);
      sockets = merge(std::move(sockets), read(proc_root));
    }
    sockets = merge(std::move(before), std::move(sockets));
    table = std::make_unique<LinkTable>(sockets, fds);
  }
  result.links = table->links();
  result.complete = sockets.complete && fds.own_net_known;
  result.source = sockets.empty_handed ? ConnectionSource::kNone
                  : sockets.from_proc  ? ConnectionSource::kProc
                                       : ConnectionSource::kNetlink;
  add_faults(result.faults, sockets.faults);
  add_faults(result.faults, fds.faults);
  result.unreadable = std::move(fds.unreadable);
  result.foreign_net = std::move(fds.foreign_net);
  return result;
}

}  // namespace reaper
