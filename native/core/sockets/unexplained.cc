#include <sys/xattr.h>

#include <cerrno>
#include <optional>
#include <set>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/sorted.h"
#include "core/killable/reader.h"
#include "core/proc/proc_dir.h"
#include "core/sockets/join.h"

namespace reaper {
namespace {

// Guard: the kernel searches all unix sockets of the host for each question (0.3 s where there are 1.4
// million), and one user may hold any number that need one. As many as a server's tree has listeners are
// answered however long they take, so that no user with a million sockets makes another's tree unknown.
constexpr std::uint32_t kUserQuestions = 64, kPatientQuestions = 12;
// Guard: one user may hold any number of sockets whose protocol must be asked for, each of which costs 5 us.
constexpr std::uint64_t kUserProtocols = 16384;
constexpr int kTimeoutMs = 200, kBudgetMs = 2000;

// Every socket has this attribute (net/socket.c), whatever its family.
int read_protocol(const char* path, const MemoryFile& file, char* to, HelperAnswer* answer) {
  answer->cost = 1;
  const ssize_t got = getxattr(path, "system.sockprotoname", to, file.most);
  if (got < 0) return errno;
  answer->length = static_cast<std::uint32_t>(got);
  return 0;
}

// Protocols that connect nothing to a server. An unreadable name is not among them.
bool is_connectionless(std::string_view protocol) {
  for (const char* name : {"UDP", "UDPv6", "UDP-Lite", "UDPLITEv6", "NETLINK", "PACKET", "RAW", "RAWv6",
                           "PING", "PINGv6", "ALG", "KEY", "XDP", "CAN_RAW", "CAN_BCM"})
    if (protocol == name) return true;
  return false;
}

// The users with a process in another network namespace than this program's.
std::set<uid_t> accounts_in_other_namespaces(const HolderOptions& options) {
  std::set<uid_t> accounts;
  auto proc = ProcDir::open(options.proc_root);
  if (!proc) return accounts;
  std::string_view link;
  if (proc.value().link(proc.value().fd(), "self/ns/net", &link) != 0) return accounts;
  const std::string own(link);
  const auto pids = proc.value().list();
  for (const pid_t pid : pids ? pids.value() : std::vector<pid_t>()) {
    uid_t uid = 0;
    if (proc.value().owner(pid, &uid) == 0 && proc.value().link_of(pid, "ns/net", &link) == 0 && link != own)
      accounts.insert(options.owners.of(uid));
  }
  return accounts;
}

class Search {
 public:
  Search(const HolderOptions& options, const HolderTable& holders, SocketTable& sockets, ForeignNets& nets,
         Questions& questions)
      : options_(options), holders_(holders), sockets_(sockets), nets_(nets), questions_(questions) {}

  void ask_for_queues() {
    std::vector<std::uint32_t> listeners;
    for (const UnixRecord& listener : sockets_.local_listening())
      if (!sockets_.is_queue_known(listener.inode)) listeners.push_back(listener.inode);
    ask(listeners);
  }

  // Finds held sockets that neither a dump nor the tables of the holder's own namespace show.
  void ask_for_sockets() {
    std::vector<Holder> lost;
    for (const Holder& holder : holders_.all())
      if (!is_explained(holder)) lost.push_back(holder);
    std::vector<MemoryRequest> descriptors;
    for (const auto& [inode, pid, task, fd] : lost)
      descriptors.push_back({std::to_string(task) + "/fd/" + std::to_string(fd), holders_.account_of(pid)});
    const std::vector<std::string> names = read_protocols(descriptors);
    std::vector<std::uint32_t> local;
    for (std::size_t i = 0; i < lost.size(); ++i) {
      if (names[i].compare(0, 3, "UDP") == 0) found_.datagram.push_back(lost[i].pid);
      if (is_connectionless(names[i])) continue;
      if (names[i].compare(0, 3, "TCP") == 0 && !has_other_namespace(holders_.account_of(lost[i].pid)))
        continue;
      streams_.push_back(lost[i]);
      if (names[i].compare(0, 4, "UNIX") == 0) local.push_back(lost[i].inode);
    }
    ask(local);
  }

  Unexplained remaining() {
    for (const UnixRecord& listener : sockets_.local_listening())
      if (!sockets_.is_queue_known(listener.inode)) add_holders_of(listener.inode);
    // It waits to be accepted, and no listener's queue shows it.
    for (const UnixRecord& client : sockets_.local())
      if (client.peer == 0 && !sockets_.is_in_queue(client.inode)) add_holders_of(client.inode);
    for (const Holder& holder : streams_) {
      if (is_explained(holder)) continue;
      const bool held = is_still_held(options_.proc_root, holder);
      if (held) found_.pids.push_back(holder.pid);
      found_.may_change |= !held || questions_.absent.count(holder.inode) == 0;
    }
    sort_unique(found_.pids);
    return std::move(found_);
  }

 private:
  // Asks the kernel which protocol sockets are of ("TCP", "UDPv6", "UNIX-STREAM", "NETLINK"); empty: it could
  // not be read. A descriptor may lead to a file on a dead file system by now, so a process that can be
  // killed asks.
  std::vector<std::string> read_protocols(const std::vector<MemoryRequest>& descriptors) {
    std::vector<std::string> names(descriptors.size());
    auto proc = ProcDir::open(options_.proc_root);
    if (!proc) return names;
    const MemoryFile file{"read the protocols of sockets", 64, kUserProtocols, read_protocol};
    const auto on_answer = [&names](std::size_t i, int error, std::string_view text) {
      if (error == 0) names[i] = std::string(text.substr(0, text.find('\0')));
    };
    MemoryReader(file, proc.value().fd(), kTimeoutMs, kBudgetMs).read(descriptors, on_answer, &found_.faults);
    return names;
  }

  void add_holders_of(std::uint32_t inode) {
    const auto range = holders_.processes_with(inode);
    streams_.insert(streams_.end(), range.first, range.second);
    doubtful_.insert(inode);
  }

  // A TCP socket in no table was closed at both ends and keeps its descriptor ("can't identify protocol" in
  // lsof), unless it is of another namespace: then its user has, or had, a process in one.
  bool has_other_namespace(uid_t account) {
    if (account == 0) return false;  // of root's processes only ssh servers are asked for
    if (!accounts_elsewhere_) accounts_elsewhere_ = accounts_in_other_namespaces(options_);
    return accounts_elsewhere_->count(account) != 0;
  }

  bool is_explained(const Holder& holder) const {
    if (doubtful_.count(holder.inode) != 0) return false;
    if (sockets_.is_explained(holder.inode)) return true;
    if (holders_.foreign().count(holder.pid) == 0) return false;
    // Its namespace is unreadable: that is reported of the process already.
    const NetSockets* own = nets_.sockets_of(holder.pid);
    return own == nullptr || contains(own->known, holder.inode);
  }

  void ask(std::vector<std::uint32_t>& inodes) {
    sort_unique(inodes);
    for (const std::uint32_t inode : inodes) {
      if (questions_.absent.count(inode) != 0) continue;
      auto& [count, ms] = questions_.of_user[holders_.account_of(holders_.processes_with(inode).first->pid)];
      if (count >= kUserQuestions || (count >= kPatientQuestions && ms >= options_.user_question_ms))
        continue;
      ++count;
      // The kernel's search counts, and not what other programs take of the processor.
      ms -= now_ms(CLOCK_THREAD_CPUTIME_ID);
      const auto record = find_unix(inode);
      ms += now_ms(CLOCK_THREAD_CPUTIME_ID);
      if (record) sockets_.add({record.value()}, true);
      if (!record && record.failure().code == ENOENT) questions_.absent.insert(inode);
    }
    sockets_.finish_dump();
  }

  const HolderOptions& options_;
  const HolderTable& holders_;
  SocketTable& sockets_;
  ForeignNets& nets_;
  Questions& questions_;
  std::vector<Holder> streams_;
  std::set<std::uint32_t> doubtful_;  // known, but not what they wait for
  Unexplained found_;
  std::optional<std::set<uid_t>> accounts_elsewhere_;
};

}  // namespace

Unexplained find_unexplained(const HolderOptions& options, const HolderTable& holders, SocketTable& sockets,
                             ForeignNets& nets, Questions& questions) {
  Search search(options, holders, sockets, nets, questions);
  search.ask_for_queues();
  search.ask_for_sockets();
  return search.remaining();
}

}  // namespace reaper
