// Finds which of the given processes holds which socket, pipe or terminal, from the links in /proc/PID/fd.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/proc/proc_dir.h"
#include "core/sockets/connections.h"

namespace reaper {

struct Holder {
  pid_t pid;
  pid_t task;  // through which the descriptor shows: the first thread, or another where that has ended
  int fd;
};
struct Holding {
  std::vector<Holder> by;  // sorted by pid, one descriptor of each process
  bool is_listed = false;  // of a socket: whether the kernel's lists show it
};
using Holders = std::unordered_map<std::uint32_t, Holding>;  // by inode; of a terminal by its number

// What descriptors are of: sockets, ends of pipes (both have one inode), pseudo terminals and their masters.
enum Thing { kSocket, kPipeReader, kPipeWriter, kTerminal, kMaster, kThings };

// A process that is gone has no descriptors; one that cannot be read is unreadable.
class HolderTable {
 public:
  HolderTable(const ConnectionOptions& with, ProcDir root, Connections& result);

  std::vector<pid_t> holders_of(std::uint32_t inode, Thing thing = kSocket) const;
  bool is_held(std::uint32_t socket) const { return held[kSocket].count(socket) != 0; }
  uid_t account_of(pid_t pid) const { return accounts.at(pid); }
  // A fault with which sockets may be missing.
  void add_gap(const std::string& what, const std::string& detail);
  // Makes all processes of this user unreadable, and says once why.
  void add_over_budget(uid_t account, const char* what, const char* detail);

  const ConnectionOptions& options;
  Connections& to;
  ProcDir proc;
  std::array<Holders, kThings> held;
  Owners owners;                    // with what the processes that were read tell
  std::map<pid_t, uid_t> accounts;  // who is charged, of every process that was read
  std::string own_net;              // the text of this program's network namespace
  bool has_foreign = false;         // whether a process lives in another one

 private:
  void read_process(pid_t pid);
  int read_task(pid_t pid, pid_t task, bool& is_empty);
  int read_descriptor(int folder, const Holder& holder);

  std::unordered_map<uid_t, std::size_t> used_;  // descriptors, by account
  std::set<uid_t> over_budget_;
};

}  // namespace reaper
