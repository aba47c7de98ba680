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

#include "core/base/owners.h"
#include "core/base/result.h"
#include "core/proc/proc_dir.h"

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

struct HolderOptions {
  std::string proc_root = "/proc";
  std::vector<pid_t> pids;
  Owners owners;
  // Guard: each descriptor costs about 8 us, and 600 processes that share 20,000 descriptors would take
  // minutes. The most descriptors of one user's processes, root excepted.
  std::size_t user_descriptors = 65536;
  // Guard: a user whose thousand processes hold one listener could ask for 10^9 pids. The most in the lists
  // of one user's connections.
  std::size_t user_pids = 1 << 20;
  // What the kernel's searches for single unix sockets may take for one user, beyond the first few.
  std::int64_t user_question_ms = 200;
};

// A process that is gone has no descriptors; one that cannot be read, or exceeds its user's budget, is
// unreadable.
class HolderTable {
 public:
  explicit HolderTable(const HolderOptions& with);

  std::vector<pid_t> holders_of(std::uint32_t inode, Thing thing = kSocket) const;
  bool is_held(std::uint32_t socket) const { return held[kSocket].count(socket) != 0; }
  uid_t account_of(pid_t pid) const { return accounts.at(pid); }
  // A fault with which sockets may be missing.
  void add_gap(const std::string& what, const std::string& detail);

  const HolderOptions& options;
  Result<ProcDir> proc;
  std::array<Holders, kThings> held;
  Owners owners;                    // with what the processes that were read tell
  std::map<pid_t, uid_t> accounts;  // who is charged, of every process that was read
  std::string own_net;              // the text of this program's network namespace
  bool has_foreign = false;         // whether a process lives in another one
  std::vector<pid_t> unreadable;
  std::vector<Fault> faults;
  bool is_complete = true;

 private:
  void read_process(pid_t pid);
  int read_task(pid_t pid, pid_t task, bool& is_empty);
  int read_descriptor(int folder, const Holder& holder);

  std::unordered_map<uid_t, std::size_t> used_;  // descriptors, by account
  std::set<uid_t> reported_;
};

}  // namespace reaper
