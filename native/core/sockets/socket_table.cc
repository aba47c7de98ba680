#include "core/sockets/socket_table.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>

#include "core/base/clock.h"
#include "core/base/sorted.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

constexpr std::uint32_t kListening = 1u << TCP_LISTEN, kAllStates = ~0u, kNotClosed = ~(1u << TCP_CLOSE);
// Guard: the kernel searches all unix sockets of the host for each question (0.3 s where there are 1.4
// million), and one user may hold any number that need one. As many as a server's tree has listeners are
// answered however long they take, so that no user with a million sockets makes another's tree unknown.
constexpr std::uint32_t kUserQuestions = 64, kPatientQuestions = 12;

// A sandbox refuses, or a module is missing (the kernel says ENOENT when it has no handler for the family).
bool is_refusal(int code) {
  return is_denied(code) || code == EPROTONOSUPPORT || code == EAFNOSUPPORT || code == EOPNOTSUPP ||
         code == ENOENT;
}

// Of records with equal keys the last one stays.
template <typename Record, typename Key>
void keep_last(std::vector<Record>& records, Key key) {
  std::stable_sort(records.begin(), records.end(), [&](auto& a, auto& b) { return key(a) < key(b); });
  const auto same = [&](auto& a, auto& b) { return key(a) == key(b); };
  records.erase(records.begin(), std::unique(records.rbegin(), records.rend(), same).base());
}

template <typename Key>
void sort_holders(Listeners<Key>& listeners) {
  for (auto& [key, by_uid] : listeners)
    for (auto& [uid, pids] : by_uid) sort_unique(pids);
}

}  // namespace

std::array<Endpoint, 3> listening_for(const Endpoint& end) {
  static constexpr Endpoint kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  Endpoint own{}, any{};
  const bool is_ipv4 = std::equal(end.begin(), end.begin() + 12, kMapped.begin());
  if (is_ipv4) own = kMapped;
  if (!is_ipv4) own.fill(0xff);  // no socket's address
  for (Endpoint* each : {&own, &any}) std::copy(end.begin() + 16, end.end(), each->begin() + 16);
  return {end, own, any};
}

void SocketTable::add(TcpRecord& record) {
  const bool held = holders.is_held(record.inode);
  if (held) known.insert(record.inode);
  if (record.state == TCP_LISTEN) {
    const auto places = listening_for(record.local);
    const Endpoint& at = record.v6_only && record.local == places[2] ? places[1] : places[0];
    listening.insert(at);
    if (held) holders.add_holders_of(record.inode, tcp_listeners[at][record.uid]);
    return;
  }
  if (record.state == TCP_ESTABLISHED) ++established_tcp;
  record.is_near = held || (!tcp_listeners.empty() && is_any_in(tcp_listeners, record.local));
  if (record.is_near || far.count(record.local) != 0) tcp.push_back(record);
}

void SocketTable::add(UnixRecord& record) {
  const bool held = holders.is_held(record.inode);
  if (held) known.insert(record.inode);
  if (record.type != SOCK_STREAM && record.type != SOCK_SEQPACKET) return;
  if (record.state == TCP_LISTEN) {
    names.insert(std::hash<std::string>()(record.key));
    if (held) holders.add_holders_of(record.inode, unix_listeners[record.key][record.uid]);
    if (held && record.queue > 0) queues.try_emplace(record.inode, std::move(record));
  } else if (record.state == TCP_ESTABLISHED) {
    ++established_unix;
    record.is_near = held || (!record.key.empty() && unix_listeners.count(record.key) != 0);
    if (record.is_near || peers.count(record.inode) != 0 || holders.is_held(record.peer))
      local.push_back(std::move(record));
  }
}

void SocketTable::sort() {
  sort_holders(tcp_listeners);
  sort_holders(unix_listeners);
  // Both addresses and the device.
  static_assert(offsetof(TcpRecord, inode) == 2 * sizeof(Endpoint) + sizeof(std::uint32_t));
  keep_last(tcp, [](const TcpRecord& record) {
    return std::string_view(reinterpret_cast<const char*>(&record), offsetof(TcpRecord, inode));
  });
  keep_last(local, [](const UnixRecord& record) { return record.inode; });
  for (const TcpRecord& record : tcp)
    if (record.is_near) far.insert(record.remote);
  for (const UnixRecord& record : local)
    if (record.is_near) peers.insert(record.peer);
}

void SocketTable::dump(Scope scope) {
  const auto note = [this](const char* what, const std::optional<Failure>& failure) {
    if (!failure) return;
    const char* remedy = is_refusal(failure->code)
                             ? "; load the kernel modules inet_diag, tcp_diag and unix_diag, and allow "
                               "AF_NETLINK in the unit (RestrictAddressFamilies=)"
                             : "";
    faults.push_back({what, 0, failure->what + ": " + error_text(failure->code) + remedy});
  };
  const bool listeners = scope == Scope::kListeners;
  const bool with_idle = !far.empty();  // a dump before has shown some
  established_tcp = 0;
  for (const int family : {AF_INET, AF_INET6})
    note("list TCP sockets", dump_tcp(ask, family, listeners ? kListening : kNotClosed, with_idle,
                                      [this](TcpRecord& record) { add(record); }));
  if (scope != Scope::kTcp) {
    established_unix = 0;
    note("list unix sockets",
         dump_unix(ask, listeners ? kListening : kAllStates, [this](UnixRecord& record) { add(record); }));
  }
  sort();
}

Result<UnixRecord> SocketTable::find(std::uint32_t inode, uid_t account) {
  auto& [count, ms] = asked_[account];
  if (count >= kUserQuestions || (count >= kPatientQuestions && ms >= options.user_question_ms))
    return Failure{EDQUOT, "ask for one unix socket"};
  ++count;
  // The kernel's search counts, and not what other programs take of the processor.
  ms -= now_ms(CLOCK_THREAD_CPUTIME_ID);
  auto found = find_unix(ask, inode);
  ms += now_ms(CLOCK_THREAD_CPUTIME_ID);
  if (UnixRecord copy; found) add(copy = found.value());
  return found;
}

const UnixRecord* SocketTable::local_of(std::uint32_t inode) const {
  const auto before = [](const UnixRecord& record, std::uint32_t key) { return record.inode < key; };
  const auto at = std::lower_bound(local.begin(), local.end(), inode, before);
  return inode != 0 && at != local.end() && at->inode == inode ? &*at : nullptr;
}

}  // namespace reaper
