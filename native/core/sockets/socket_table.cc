#include "core/sockets/socket_table.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <tuple>

#include "core/base/sorted.h"
#include "core/proc/proc_dir.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

namespace reaper {
namespace {

// The address with the port of `end`: 0.0.0.0 (v4-mapped) and ::.
std::array<Endpoint, 2> any_address(const Endpoint& end) {
  std::array<Endpoint, 2> any{};
  any[0][10] = any[0][11] = 0xff;
  for (Endpoint& each : any) std::copy(end.begin() + 16, end.end(), each.begin() + 16);
  return any;
}

// A socket that a dump saw before it was accepted, and another one after, is the accepted one.
void merge_by_inode(std::vector<UnixRecord>& records) {
  std::stable_sort(records.begin(), records.end(), [](const UnixRecord& a, const UnixRecord& b) {
    return std::tie(a.inode, b.peer) < std::tie(b.inode, a.peer);
  });
  std::vector<UnixRecord> merged;
  for (UnixRecord& record : records) {
    if (merged.empty() || merged.back().inode != record.inode) {
      merged.push_back(std::move(record));
    } else if (record.peer != 0 && record.peer != merged.back().peer) {
      merged.push_back(std::move(record));
    } else {
      auto& waiting = merged.back().waiting;
      waiting.insert(waiting.end(), record.waiting.begin(), record.waiting.end());
      sort_unique(waiting);
      if (merged.back().name.empty()) merged.back().name = std::move(record.name);
    }
  }
  records = std::move(merged);
}

}  // namespace

FourTuple tuple_of(const Endpoint& local, const Endpoint& remote) {
  FourTuple tuple;
  std::copy(remote.begin(), remote.end(), std::copy(local.begin(), local.end(), tuple.begin()));
  return tuple;
}

void SocketTable::add(const std::vector<TcpRecord>& records) {
  for (const TcpRecord& record : records) {
    const bool held = holders_.is_held(record.inode);
    if (held) explained_.push_back(record.inode);
    if (record.state == SocketState::kListening) {
      listening_.push_back(record.local);
      if (held) held_listeners_.emplace_back(record.local, record.inode);
    }
    if (record.state != SocketState::kEstablished) continue;
    ++established_tcp_;
    if (held) tcp_.push_back(record);
    const FourTuple key = tuple_of(record.local, record.remote);
    if (contains(wanted_, key)) mirrors_.emplace_back(key, record.inode);
  }
}

void SocketTable::add(const std::vector<UnixRecord>& records, bool with_queues) {
  for (const UnixRecord& record : records) {
    const bool held = holders_.is_held(record.inode);
    if (held) explained_.push_back(record.inode);
    if (record.state == SocketState::kEstablished) {
      ++established_unix_;
      if (held) local_.push_back(record);
      if (holders_.is_held(record.peer)) peers_.push_back(record);
    }
    if (record.state != SocketState::kListening) continue;
    if (!record.name.empty()) listening_names_.push_back(std::hash<std::string>()(record.name));
    UnixRecord listener{record.inode, 0, record.name, record.state, {}};
    for (const std::uint32_t client : record.waiting)
      if (holders_.is_held(client)) listener.waiting.push_back(client);
    in_queue_.insert(in_queue_.end(), listener.waiting.begin(), listener.waiting.end());
    if (!held) continue;
    if (with_queues) known_queues_.push_back(record.inode);
    local_listening_.push_back(std::move(listener));
  }
}

void SocketTable::add_failure(const char* what, const Failure& failure) {
  complete_ = false;
  refused_ |= is_refusal(failure);
  std::string detail = failure.what + ": " + error_text(failure.code);
  if (is_refusal(failure))
    detail +=
        "; load the kernel modules inet_diag, tcp_diag and unix_diag, and allow AF_NETLINK in the unit "
        "(RestrictAddressFamilies=)";
  faults_.push_back({what, 0, detail});
}

void SocketTable::start_dump(DumpScope scope) {
  established_tcp_ = 0;
  if (scope != DumpScope::kTcp) established_unix_ = 0;
}

void SocketTable::finish_dump() {
  const auto key = [](const TcpRecord& record) {
    return std::tie(record.inode, record.local, record.remote);
  };
  std::sort(tcp_.begin(), tcp_.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  const auto same = [&](const auto& a, const auto& b) { return key(a) == key(b); };
  tcp_.erase(std::unique(tcp_.begin(), tcp_.end(), same), tcp_.end());
  wanted_.clear();
  for (const TcpRecord& record : tcp_) wanted_.push_back(tuple_of(record.remote, record.local));
  sort_unique(wanted_);
  merge_by_inode(local_);
  merge_by_inode(peers_);
  merge_by_inode(local_listening_);
  sort_unique(mirrors_);
  sort_unique(held_listeners_);
  sort_unique(listening_);
  sort_unique(listening_names_);
  sort_unique(explained_);
  sort_unique(known_queues_);
  sort_unique(in_queue_);
}

std::vector<std::uint32_t> SocketTable::peers_of(const TcpRecord& record) const {
  std::vector<std::uint32_t> inodes;
  const FourTuple key = tuple_of(record.remote, record.local);
  // More than one where sockets bound to different devices share addresses and ports: all count.
  auto at = std::lower_bound(mirrors_.begin(), mirrors_.end(), std::make_pair(key, std::uint32_t{0}));
  for (; at != mirrors_.end() && at->first == key; ++at) inodes.push_back(at->second);
  return inodes;
}

std::vector<std::uint32_t> SocketTable::listeners_at(const Endpoint& end) const {
  // Guard: SO_REUSEPORT lets a user have any number of sockets at one address.
  constexpr int kSameAddress = 256;
  std::vector<std::uint32_t> inodes;
  const auto any = any_address(end);
  for (const Endpoint& wanted : {end, any[0], any[1]}) {
    auto at = std::lower_bound(held_listeners_.begin(), held_listeners_.end(),
                               std::make_pair(wanted, std::uint32_t{0}));
    for (int i = 0; i < kSameAddress && at != held_listeners_.end() && at->first == wanted; ++i, ++at)
      inodes.push_back(at->second);
  }
  return inodes;
}

bool SocketTable::is_listening(const Endpoint& end) const {
  const auto any = any_address(end);
  return contains(listening_, end) || contains(listening_, any[0]) || contains(listening_, any[1]);
}

bool SocketTable::is_listening(const std::string& unix_name) const {
  return contains(listening_names_, std::hash<std::string>()(unix_name));
}

const std::string* SocketTable::name_of_peer(std::uint32_t inode) const {
  const auto before = [](const UnixRecord& record, std::uint32_t key) { return record.inode < key; };
  const auto at = std::lower_bound(peers_.begin(), peers_.end(), inode, before);
  return inode != 0 && at != peers_.end() && at->inode == inode ? &at->name : nullptr;
}

void dump_sockets(SocketTable& table, DumpScope scope) {
  const auto on_tcp = [&table](const std::vector<TcpRecord>& records) { table.add(records); };
  const auto on_unix = [&table](const std::vector<UnixRecord>& records) { table.add(records, false); };
  const auto on_queues = [&table](const std::vector<UnixRecord>& records) { table.add(records, true); };
  const auto note = [&table](const char* what, const DumpEnd& end) {
    if (end) table.add_failure(what, *end);
  };
  table.start_dump(scope);
  for (const int family : {AF_INET, AF_INET6}) {
    note("list TCP sockets", dump_tcp(family, IPPROTO_TCP, on_tcp));
    // Kernels before 5.8 and those without MPTCP refuse this, and have no such socket or leave it
    // unexplained.
    const DumpEnd multipath = dump_tcp(family, IPPROTO_MPTCP, on_tcp);
    if (multipath && !is_refusal(*multipath) && multipath->code != EINVAL)
      note("list MPTCP sockets", multipath);
  }
  if (scope != DumpScope::kTcp) note("list unix sockets", dump_unix(UnixDump::kEverything, on_unix));
  if (scope == DumpScope::kAll) note("list waiting unix clients", dump_unix(UnixDump::kQueues, on_queues));
  table.finish_dump();
}

}  // namespace reaper
