// Collects from socket dumps what matters for the sockets that the given processes hold. One user may have
// millions of sockets, so nothing else is kept.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/sockets/sock_diag.h"
#include "core/sockets/socket_holders.h"

namespace reaper {

// Held listeners by address, or by the key of their name: their inodes and uids.
template <typename Key>
using Listeners = std::map<Key, std::map<std::uint32_t, std::optional<uid_t>>>;

// The addresses that take connections to `end`: itself, and those that stand for any.
std::array<Endpoint, 3> listening_for(const Endpoint& end);

class SocketTable {
 public:
  SocketTable(const HolderTable& holders, const AskKernel& ask) : holders_(holders), ask_(ask) {}

  // What one dump lacks another adds; of a socket that several show, the last one counts. Each finds the
  // connections of the listeners, and the far ends of the connections, that those before it have shown.
  enum class Scope { kListeners, kTcp, kAll };
  void dump(Scope scope);
  Result<UnixRecord> find(std::uint32_t inode);  // asks for one unix socket, and adds it; then it is to sort
  void sort();

  // Connections of held sockets and held listeners, and what has a far end's address. Sorted by addresses.
  const std::vector<TcpRecord>& tcp() const { return tcp_; }
  // Connected streams and seqpackets that are held or have a held listener's name, and their peers.
  const std::vector<UnixRecord>& local() const { return local_; }
  const UnixRecord* local(std::uint32_t inode) const;  // nullptr: no dump showed it

  const Listeners<Endpoint>& tcp_listeners() const { return tcp_listeners_; }
  const Listeners<std::string>& unix_listeners() const { return unix_listeners_; }
  const std::map<std::uint32_t, UnixRecord>& queues() const {
    return queues_;
  }  // held, and clients wait there
  // Of any process.
  bool is_listening(const Endpoint& end) const;
  bool is_listening(const std::string& key) const { return names_.count(std::hash<std::string>()(key)) != 0; }

  bool is_known(std::uint32_t held) const { return known_.count(held) != 0; }  // in whatever state
  std::uint32_t established_tcp() const { return established_tcp_; }
  std::uint32_t established_unix() const { return established_unix_; }
  const std::vector<Fault>& faults() const { return faults_; }  // none: every dump was complete

 private:
  void add(const TcpRecord& record);
  void add(const UnixRecord& record);
  bool is_near(const TcpRecord& record) const;
  bool is_near(const UnixRecord& record) const;

  const HolderTable& holders_;
  const AskKernel& ask_;
  std::vector<TcpRecord> tcp_;
  std::vector<UnixRecord> local_;
  std::vector<Endpoint> far_, listening_;
  std::unordered_set<std::uint32_t> known_, peers_;
  std::unordered_set<std::size_t> names_;  // hashes, for names may be long
  Listeners<Endpoint> tcp_listeners_;
  Listeners<std::string> unix_listeners_;
  std::map<std::uint32_t, UnixRecord> queues_;
  std::uint32_t established_tcp_ = 0, established_unix_ = 0;
  std::vector<Fault> faults_;
};

}  // namespace reaper
