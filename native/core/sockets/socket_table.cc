#include "core/sockets/socket_table.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "core/base/clock.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

// Guard: the kernel searches all unix sockets of the host for each question (0.3 s where there are 1.4
// million), and one user may hold any number that need one. As many as a server's tree has listeners are
// answered however long they take, so that no user with a million sockets makes another's tree unknown.
constexpr std::uint32_t kUserQuestions = 64, kPatientQuestions = 12;

// A sandbox refuses, or a module is missing (the kernel says ENOENT when it has no handler for the family).
bool is_refusal(int code) {
  return is_denied(code) || code == EPROTONOSUPPORT || code == EAFNOSUPPORT || code == EOPNOTSUPP ||
         code == ENOENT;
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

void SocketTable::add(const TcpRecord& record) {
  const bool held = holders.is_held(record.inode);
  if (held) known.insert(record.inode);
  if (record.state == TCP_LISTEN) {
    const auto places = listening_for(record.local);
    const Endpoint& at = record.v6_only && record.local == places[2] ? places[1] : places[0];
    listening.insert(at);
    if (!held) return;
    for (const pid_t pid : holders.holders_of(record.inode)) tcp_holders[at][record.uid].insert(pid);
    return;
  }
  if (record.state == TCP_ESTABLISHED) ++established_tcp;
  const bool is_near = held || is_any_in(tcp_holders, record.local);
  if (is_near) far.insert(record.remote);
  has_half_closed |= is_near && is_in(kGotFin, record.state);
  if (!is_near && far.count(record.local) == 0) return;
  tcp.erase(record);
  tcp.insert(record);
}

void SocketTable::add(const UnixRecord& record) {
  const bool held = holders.is_held(record.inode);
  if (held) known.insert(record.inode);
  if (record.type != SOCK_STREAM && record.type != SOCK_SEQPACKET) return;
  if (record.state == TCP_LISTEN) {
    names.insert(std::hash<std::string>()(record.key));
    if (!held) return;
    for (const pid_t pid : holders.holders_of(record.inode))
      local_holders[record.key][record.uid].insert(pid);
    local_listeners[record.inode] = record;
  } else if (record.state == TCP_ESTABLISHED) {
    ++established_unix;
    const bool is_near = held || (!record.key.empty() && local_holders.count(record.key) != 0);
    if (is_near) peers.insert(record.peer);
    if (is_near || peers.count(record.inode) != 0 || holders.is_held(record.peer))
      local[record.inode] = record;
  }
}

void SocketTable::dump_tcp(std::uint32_t states) {
  established_tcp = 0;
  for (const int family : {AF_INET, AF_INET6})
    note("list TCP sockets", reaper::dump_tcp(ask, family, states, [this](auto& record) { add(record); }));
}

void SocketTable::dump(std::uint32_t states) {
  dump_tcp(states);
  established_unix = 0;
  note("list unix sockets", dump_unix(ask, states, [this](auto& record) { add(record); }));
}

void SocketTable::note(const char* what, const std::optional<Failure>& failure) {
  if (!failure) return;
  const char* remedy = is_refusal(failure->code)
                           ? "; load the kernel modules inet_diag, tcp_diag and unix_diag, and allow "
                             "AF_NETLINK in the unit (RestrictAddressFamilies=)"
                           : "";
  faults.push_back({what, 0, failure->what + ": " + error_text(failure->code) + remedy});
}

std::optional<Failure> SocketTable::find(std::uint32_t inode, uid_t account) {
  auto& [count, ms] = asked_[account];
  if (count >= kUserQuestions || (count >= kPatientQuestions && ms >= options.user_question_ms))
    return Failure{EDQUOT, "ask for one unix socket"};
  ++count;
  // The kernel's search counts, and not what other programs take of the processor.
  ms -= now_ms(CLOCK_THREAD_CPUTIME_ID);
  UnixRecord found;
  const auto failure = find_unix(ask, inode, found);
  ms += now_ms(CLOCK_THREAD_CPUTIME_ID);
  if (failure) return failure;
  add(found);
  for (const std::uint32_t client : found.waiting)
    if (client != 0) waiting.emplace(client, inode);  // 0: it has died
  return std::nullopt;
}

void SocketTable::ask_for_queues() {
  std::vector<std::uint32_t> asked;
  for (const auto& [inode, listener] : local_listeners)
    if (listener.queue > 0) asked.push_back(inode);
  for (const std::uint32_t inode : asked) {
    const auto failure = find(inode, holders.account_of(holders.holders_of(inode).front()));
    // One that has closed meanwhile has none.
    if (failure && failure->code != ENOENT) waiting.emplace(0, inode);
  }
}

}  // namespace reaper
