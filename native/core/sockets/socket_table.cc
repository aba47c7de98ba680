#include "core/sockets/socket_table.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>

#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

// Guard: the kernel searches all unix sockets of the host for each question (0.3 s where there are 1.4
// million), and one user may hold any number that need one. So many are asked for each user, however long it
// takes, so that no user with a million sockets makes another's tree unknown: twice as many as a server's
// tree has listeners. Each answer may name a thousand clients.
constexpr std::uint32_t kUserQuestions = 24;

// The kernel says ENOENT where a module is missing, and a sandbox refuses.
constexpr const char* kNeeds =
    "; it takes the kernel modules inet_diag, tcp_diag and unix_diag, and AF_NETLINK in the unit "
    "(RestrictAddressFamilies=)";

bool is_tcp(const Place& place) { return place[0] == '4' || place[0] == '6' || place[0] == '*'; }

// The place of a listener as it is kept of any process: names of unix sockets may be long, so of those a
// hash.
std::string kept(const Place& place) {
  return is_tcp(place) ? place : "u" + std::to_string(std::hash<Place>()(place));
}

// The places of the listeners that take connections to one: itself, and those of any address.
std::array<Place, 3> takers_of(const Place& place) {
  if (!is_tcp(place)) return {place};
  const Place port = place.substr(place.size() - 2);
  return {place, place[0] + port, '*' + port};
}

}  // namespace

std::vector<pid_t> SocketTable::holders_of(const SocketRecord& socket) const {
  if (holders.is_held(socket.inode)) return holders.holders_of(socket.inode);
  return listeners_of(socket.place, socket.uid);
}

std::vector<pid_t> SocketTable::listeners_of(const Place& place, std::optional<uid_t> uid) const {
  std::set<pid_t> found;
  for (const Place& at : takers_of(place))
    if (const auto here = listeners_.find(at); here != listeners_.end())
      for (const auto& [owner, pids] : here->second)
        if (!uid || !owner || *uid == *owner) found.insert(pids.begin(), pids.end());
  return {found.begin(), found.end()};
}

bool SocketTable::has_listener(const Place& place) const {
  const auto takers = takers_of(place);
  return std::any_of(takers.begin(), takers.end(), [&](auto& at) { return listeners_.count(at) != 0; });
}

bool SocketTable::is_listening(const Place& place) const {
  const auto takers = takers_of(place);
  return std::any_of(takers.begin(), takers.end(), [&](auto& at) { return listening_.count(kept(at)) != 0; });
}

void SocketTable::add(const SocketRecord& record) {
  const auto holding = holders.held[kSocket].find(record.inode);
  const bool held = holding != holders.held[kSocket].end();
  if (held) holding->second.is_listed = true;
  if (record.type != SOCK_STREAM && record.type != SOCK_SEQPACKET) return;
  if (record.state == TCP_LISTEN) {
    listening_.insert(kept(record.place));
    for (const pid_t pid : holders.holders_of(record.inode)) listeners_[record.place][record.uid].insert(pid);
    if (held) queues_[record.inode] = record;
    return;
  }
  const bool is_near = held || has_listener(record.place);
  if (is_near) far_.insert(record.far);
  has_half_closed |= is_near && is_in(kGotFin, record.state);
  if (!is_near && far_.count(record.end) == 0 && !holders.is_held(record.peer)) return;
  auto at = ends.lower_bound(record);
  if (at != ends.end() && !(record < *at)) at = ends.erase(at);
  ends.insert(at, record);
}

void SocketTable::dump(std::uint32_t states, std::initializer_list<int> families) {
  for (const int family : families) {
    std::uint32_t& number = established[family] = 0;
    const auto failure = dump_sockets(ask, family, states, [&](auto& record) {
      number += record.state == TCP_ESTABLISHED && record.type != SOCK_DGRAM;
      add(record);
    });
    if (failure)
      holders.add_gap(family == AF_UNIX ? "list unix sockets" : "list TCP sockets",
                      failure->what + ": " + error_text(failure->code) + kNeeds);
  }
}

int SocketTable::find(std::uint32_t inode, uid_t account) {
  if (++asked_[account] > kUserQuestions) return EDQUOT;
  SocketRecord found;
  if (const auto failure = find_unix(ask, inode, found)) return failure->code;
  add(found);
  for (const std::uint32_t client : found.waiting)
    if (client != 0) add_waiting(found, client);  // 0: it has died
  return 0;
}

void SocketTable::add_waiting(const SocketRecord& listener, std::uint32_t client) {
  SocketRecord end = listener;
  end.inode = 0;
  end.state = TCP_ESTABLISHED;
  end.shutdown = 0;  // what the listener shut no client has to mind
  end.peer = client;
  end.end = waiting_end(client != 0 ? client : listener.inode);
  end.far = unix_end(client);
  ends.insert(end);
}

void SocketTable::ask_for_queues() {
  // Answers are added meanwhile, which moves no element of a map; they show no queue.
  for (const auto& [inode, listener] : queues_) {
    if (listener.queue == 0) continue;
    const int error = find(inode, holders.account_of(holders.holders_of(inode).front()));
    // Who waits is not known then, unless it has closed meanwhile.
    if (error != 0 && error != ENOENT) add_waiting(listener, 0);
  }
}

}  // namespace reaper
