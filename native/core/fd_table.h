// Which of the given processes holds which socket, from the links in /proc/PID/fd.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/snapshot.h"

namespace reaper {

struct Holder {
  std::uint32_t inode;
  pid_t pid;
};

// Whose descriptors were read. An inode held by several processes is listed once for each.
struct FdTable {
  std::vector<Holder> holders;     // sorted by inode, then pid; no duplicates
  std::vector<pid_t> unreadable;   // sorted
  std::vector<pid_t> foreign_net;  // sorted
  bool own_net_known = true;       // false: nobody could be compared, so foreign_net means nothing
  std::vector<Fault> faults;

  using Range = std::pair<std::vector<Holder>::const_iterator, std::vector<Holder>::const_iterator>;
  Range holders_of(std::uint32_t inode) const;
  bool is_held(std::uint32_t inode) const;
};

// Adds what is seen now to `table`, so that a second look widens the first. A process that is gone has no
// sockets; one that may not be read, or cannot be, is unreadable.
void read_fd_table(const std::string& proc_root, const std::vector<pid_t>& pids, FdTable& table);

}  // namespace reaper
