// Finds which of the given processes holds which socket or pipe, from the links in /proc/PID/fd.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/owners.h"
#include "core/base/result.h"

namespace reaper {

// One descriptor that is a socket or a pipe. A process that has several of one is listed once.
struct Holder {
  std::uint32_t inode;
  pid_t pid;
  pid_t task;  // the thread through which the descriptor shows: `pid`, or another where the first has ended
  int fd;
};

struct HolderOptions {
  std::string proc_root = "/proc";
  std::vector<pid_t> pids;
  Owners owners;
  bool quick = false;  // read descriptors again only where something is unexplained or lacks its other end
  // Guard: each descriptor costs about 8 us, and 600 processes that share 20,000 descriptors would take
  // minutes. The most descriptors of one user's processes, and of root's.
  std::size_t user_descriptors = 65536, root_descriptors = 1 << 20;
  // What the kernel's searches for single unix sockets may take for one user, beyond the first few.
  std::int64_t user_question_ms = 200;
};

class HolderTable {
 public:
  using Range = std::pair<std::vector<Holder>::const_iterator, std::vector<Holder>::const_iterator>;

  // Adds what the descriptors show now; a second reading widens the first. A process that is gone has no
  // sockets; one that cannot be read, or exceeds its user's budget, is unreadable.
  void read(const HolderOptions& options);

  Range processes_with(std::uint32_t inode) const;
  bool is_held(std::uint32_t inode) const;
  const std::vector<Holder>& all() const { return holders_; }
  // Who holds which end of a pipe: both ends have one inode. Sorted by inode and pid.
  const std::vector<Holder>& pipe_readers() const { return readers_; }
  const std::vector<Holder>& pipe_writers() const { return writers_; }
  uid_t account_of(pid_t pid) const;

  const std::vector<pid_t>& unreadable() const { return unreadable_; }
  // Processes in another network namespace than this program, with the text of their namespace's link.
  const std::map<pid_t, std::string>& foreign() const { return foreign_; }
  bool own_net_known() const { return own_net_known_; }
  const std::vector<Fault>& faults() const { return faults_; }

 private:
  class Scan;

  std::vector<Holder> holders_, readers_, writers_;  // sorted by inode and pid, which no two share
  std::vector<pid_t> unreadable_;
  std::map<pid_t, std::string> foreign_;
  std::unordered_map<pid_t, uid_t> accounts_;
  std::vector<Fault> faults_;
  bool own_net_known_ = true;
};

// Whether the descriptor still is this socket. The link is only read, never followed.
bool is_still_held(const std::string& proc_root, const Holder& holder);

}  // namespace reaper
