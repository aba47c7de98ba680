// Collects from socket dumps what matters for the sockets that the given processes hold. One user may have
// millions of sockets, so nothing else is kept.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/base/sorted.h"
#include "core/sockets/sock_diag.h"
#include "core/sockets/socket_holders.h"

namespace reaper {

using FourTuple = std::array<std::uint8_t, 2 * sizeof(Endpoint)>;
FourTuple tuple_of(const Endpoint& local, const Endpoint& remote);

// kAll: with the clients that wait at unix listeners.
enum class DumpScope { kTcp, kSockets, kAll };

class SocketTable {
 public:
  explicit SocketTable(const HolderTable& holders) : holders_(holders) {}

  void add(const std::vector<TcpRecord>& records);
  // `with_queues`: the listening sockets among them come with the clients that wait.
  void add(const std::vector<UnixRecord>& records, bool with_queues);
  void add_failure(const char* what, const Failure& failure);
  void start_dump(DumpScope scope);  // the counts of established sockets are those of the last dump
  void finish_dump();                // sorts, and learns which other ends the next dump has to look for

  // Sorted by inode. Established: those that are held. Several of one inode when it changed between dumps.
  const std::vector<TcpRecord>& tcp() const { return tcp_; }
  const std::vector<UnixRecord>& local() const { return local_; }
  // Held unix listeners with the held clients that wait there.
  const std::vector<UnixRecord>& local_listening() const { return local_listening_; }

  // The inodes of the sockets at the other end of a held TCP connection; 0: it waits to be accepted. Empty:
  // there is none in this namespace.
  std::vector<std::uint32_t> peers_of(const TcpRecord& record) const;
  // Held TCP listeners at this address and port, or at any address with this port.
  std::vector<std::uint32_t> listeners_at(const Endpoint& end) const;
  bool is_listening(const Endpoint& end) const;                // any process's
  bool is_listening(const std::string& unix_name) const;       // any process's
  const std::string* name_of_peer(std::uint32_t inode) const;  // nullptr: no dump showed it

  // A dump showed it, in whatever state.
  bool is_explained(std::uint32_t inode) const { return contains(explained_, inode); }
  bool is_queue_known(std::uint32_t listener) const { return contains(known_queues_, listener); }
  bool is_in_queue(std::uint32_t client) const { return contains(in_queue_, client); }

  bool complete() const { return complete_; }
  bool refused() const { return refused_; }
  std::uint32_t established_tcp() const { return established_tcp_; }
  std::uint32_t established_unix() const { return established_unix_; }
  const std::vector<Fault>& faults() const { return faults_; }

 private:
  const HolderTable& holders_;
  std::vector<TcpRecord> tcp_;
  std::vector<UnixRecord> local_, local_listening_, peers_;
  std::vector<FourTuple> wanted_;  // the mirrors of `tcp_`
  std::vector<std::pair<FourTuple, std::uint32_t>> mirrors_;
  std::vector<std::pair<Endpoint, std::uint32_t>> held_listeners_;
  std::vector<Endpoint> listening_;           // of every process
  std::vector<std::size_t> listening_names_;  // hashes of every process's, for names may be long
  std::vector<std::uint32_t> explained_, known_queues_, in_queue_;
  bool complete_ = true, refused_ = false;
  std::uint32_t established_tcp_ = 0, established_unix_ = 0;
  std::vector<Fault> faults_;
};

using DumpSockets = std::function<void(SocketTable&, DumpScope)>;

// Adds one dump of the sockets of this network namespace.
void dump_sockets(SocketTable& table, DumpScope scope);

}  // namespace reaper
