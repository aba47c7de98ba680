// Which of the given processes hold the ends of which connections: the join of the sockets and the
// descriptors.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/sockets/connections.h"
#include "core/sockets/sock_diag.h"
#include "core/sockets/socket_holders.h"
#include "core/sockets/socket_table.h"

namespace reaper {

// The records that matter, found by sorting and searching: users choose addresses and ports, so a hash table
// of them could be made slow. Refers to what it was made from.
class LinkTable {
 public:
  using FourTuple = std::array<std::uint8_t, 2 * sizeof(Endpoint)>;

  LinkTable(const SocketTable& sockets, const FdTable& fds);

  // The other ends, on this host, of held ones that nobody asked about holds, which a second look may
  // correct. 0 stands for an end that is not known, or not accepted yet. Sorted, no duplicates.
  std::vector<std::uint32_t> missing() const;

  // As Connections::links.
  std::vector<Link> links() const;

 private:
  // One link that one socket makes. Texts are written for the few that are shown.
  struct Seen {
    LinkKind kind;
    pid_t pid, peer_pid;  // peer_pid 0: not known
    std::uint32_t inode;
    const TcpRecord* tcp = nullptr;
    const UnixRecord* local = nullptr;
  };

  void find_mirrors(const TcpRecord& record, std::vector<std::uint32_t>& inodes) const;
  void add_listeners(const Endpoint& wanted, std::vector<std::uint32_t>& inodes) const;
  bool is_held(std::uint32_t inode) const;
  bool has_held(const std::vector<std::uint32_t>& inodes) const;
  std::string peer_text(std::uint32_t inode) const;
  void add(Seen link, std::uint32_t inode, const std::vector<std::uint32_t>& peer_inodes,
           std::vector<Seen>& links) const;
  Link shown(const Seen& seen) const;

  const FdTable& fds_;
  std::vector<const TcpRecord*> held_tcp_;
  std::vector<const UnixRecord*> held_unix_;
  std::vector<std::pair<std::uint32_t, const std::string*>> named_peers_;
  std::vector<std::pair<FourTuple, std::uint32_t>> mirrors_;
  std::vector<std::pair<Endpoint, std::uint32_t>> listening_;
  std::vector<const UnixRecord*> listening_unix_;
};

}  // namespace reaper
