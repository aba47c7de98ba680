#include "core/sockets/socket_table.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "core/base/sorted.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

constexpr std::uint32_t kListening = 1u << TCP_LISTEN, kAllStates = ~0u, kNotClosed = ~(1u << TCP_CLOSE);

// A sandbox refuses, or a module is missing (the kernel says ENOENT when it has no handler for the family).
bool is_refusal(int code) {
  return is_denied(code) || code == EPROTONOSUPPORT || code == EAFNOSUPPORT || code == EOPNOTSUPP ||
         code == ENOENT;
}

bool is_ipv4(const Endpoint& end) {
  return std::all_of(end.begin(), end.begin() + 10, [](int byte) { return byte == 0; }) && end[10] == 0xff;
}

// Of records with equal keys the last one stays.
template <typename Record, typename Key>
void keep_last(std::vector<Record>& records, Key key) {
  std::stable_sort(records.begin(), records.end(), [&](auto& a, auto& b) { return key(a) < key(b); });
  const auto last =
      std::unique(records.rbegin(), records.rend(), [&](auto& a, auto& b) { return key(a) == key(b); });
  records.erase(records.begin(), last.base());
}

}  // namespace

// 0.0.0.0 (mapped) or, for IPv6 alone, an address that no socket has; and ::.
std::array<Endpoint, 3> listening_for(const Endpoint& end) {
  Endpoint any{}, own{};
  if (is_ipv4(end))
    own[10] = own[11] = 0xff;
  else
    std::fill(own.begin(), own.begin() + 16, std::uint8_t{0xff});
  for (Endpoint* each : {&any, &own}) std::copy(end.begin() + 16, end.end(), each->begin() + 16);
  return {end, own, any};
}

bool SocketTable::is_listening(const Endpoint& end) const {
  const auto places = listening_for(end);
  return std::any_of(places.begin(), places.end(), [this](auto& at) { return contains(listening_, at); });
}

bool SocketTable::is_near(const TcpRecord& record) const {
  if (holders_.is_held(record.inode)) return true;
  const auto places = listening_for(record.local);
  return std::any_of(places.begin(), places.end(),
                     [this](auto& at) { return tcp_listeners_.count(at) != 0; });
}

bool SocketTable::is_near(const UnixRecord& record) const {
  return holders_.is_held(record.inode) || (!record.key.empty() && unix_listeners_.count(record.key) != 0);
}

void SocketTable::add(const TcpRecord& record) {
  const bool held = holders_.is_held(record.inode);
  if (held) known_.insert(record.inode);
  if (record.state == TCP_LISTEN) {
    const auto places = listening_for(record.local);
    const Endpoint& at = record.v6_only && record.local == places[2] ? places[1] : record.local;
    listening_.push_back(at);
    if (held) tcp_listeners_[at][record.inode] = record.uid;
    return;
  }
  if (record.state == TCP_ESTABLISHED) ++established_tcp_;
  if (is_near(record) || contains(far_, record.local)) tcp_.push_back(record);
}

void SocketTable::add(const UnixRecord& record) {
  const bool held = holders_.is_held(record.inode);
  if (held) known_.insert(record.inode);
  if (record.type != SOCK_STREAM && record.type != SOCK_SEQPACKET) return;
  if (record.state == TCP_LISTEN) {
    names_.insert(std::hash<std::string>()(record.key));
    if (held) unix_listeners_[record.key][record.inode] = record.uid;
    if (held && record.queue > 0) queues_[record.inode] = record;
  } else if (record.state == TCP_ESTABLISHED) {
    ++established_unix_;
    if (is_near(record) || holders_.is_held(record.peer) || peers_.count(record.inode) != 0)
      local_.push_back(record);
  }
}

void SocketTable::sort() {
  keep_last(tcp_, [](auto& record) { return std::tie(record.local, record.remote, record.device); });
  keep_last(local_, [](auto& record) { return record.inode; });
  sort_unique(listening_);
  for (const TcpRecord& record : tcp_)
    if (is_near(record)) far_.push_back(record.remote);
  sort_unique(far_);
  for (const UnixRecord& record : local_)
    if (is_near(record)) peers_.insert(record.peer);
}

void SocketTable::dump(Scope scope) {
  established_tcp_ = 0;
  const auto add_all = [this](const auto& records) {
    for (const auto& record : records) add(record);
  };
  const auto note = [this](const char* what, const std::optional<Failure>& failure) {
    if (!failure) return;
    std::string detail = failure->what + ": " + error_text(failure->code);
    if (is_refusal(failure->code))
      detail +=
          "; load the kernel modules inet_diag, tcp_diag and unix_diag, and allow AF_NETLINK in the unit "
          "(RestrictAddressFamilies=)";
    faults_.push_back({what, 0, detail});
  };
  const bool listeners = scope == Scope::kListeners;
  for (const int family : {AF_INET, AF_INET6})
    note("list TCP sockets", dump_tcp(ask_, family, listeners ? kListening : kNotClosed, add_all));
  if (scope != Scope::kTcp) {
    established_unix_ = 0;
    note("list unix sockets", dump_unix(ask_, listeners ? kListening : kAllStates, add_all));
  }
  sort();
}

Result<UnixRecord> SocketTable::find(std::uint32_t inode) {
  auto found = find_unix(ask_, inode);
  if (found) add(found.value());
  return found;
}

const UnixRecord* SocketTable::local(std::uint32_t inode) const {
  const auto before = [](const UnixRecord& record, std::uint32_t key) { return record.inode < key; };
  const auto at = std::lower_bound(local_.begin(), local_.end(), inode, before);
  return inode != 0 && at != local_.end() && at->inode == inode ? &*at : nullptr;
}

}  // namespace reaper
