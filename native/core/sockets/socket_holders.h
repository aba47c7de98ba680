// Which of the given processes holds which socket, from the links in /proc/PID/fd.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/base/fault.h"
#include "core/sockets/inode_index.h"

namespace reaper {

struct Holder {
  std::uint32_t inode;
  pid_t pid;
};

// One descriptor that is a socket.
struct SocketFd {
  pid_t pid;
  int fd;
  std::uint32_t inode;
};

// Whose descriptors were read. An inode held by several processes is listed once for each.
struct FdTable {
  std::vector<Holder> holders;        // sorted by inode, then pid; no duplicates
  std::vector<SocketFd> descriptors;  // of main threads; sorted by pid, then descriptor; no duplicates
  std::vector<pid_t> unreadable;      // sorted
  std::vector<pid_t> foreign_net;     // sorted
  bool own_net_known = true;          // false: nobody could be compared, so foreign_net means nothing
  std::vector<Fault> faults;
  InodeIndex first_holder;  // where the holders of an inode begin

  using Range = std::pair<std::vector<Holder>::const_iterator, std::vector<Holder>::const_iterator>;
  Range holders_of(std::uint32_t inode) const;
  bool is_held(std::uint32_t inode) const;

  // The descriptors whose socket nobody else was seen to hold and whose inode is in `living` (sorted). Such a
  // descriptor was still what it had been: if closed or used again, its socket would be no more, but for one
  // that was handed to a process not asked about; and its holder stays in the table.
  std::vector<SocketFd> settled(const std::vector<std::uint32_t>& living) const;
};

// Adds what is seen now to `table`, so that a second look widens the first. A process that is gone has no
// sockets; one that may not be read, or cannot be, is unreadable. `settled` of an earlier look is not read
// again, which spares the most of a second one.
void read_fd_table(const std::string& proc_root, const std::vector<pid_t>& pids, FdTable& table,
                   const std::vector<SocketFd>& settled = {});

}  // namespace reaper
