// Says whose processes are charged to whom. A user can run processes under any uid of a range of subordinate
// ones, and every budget counts per account: all uids of one user.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace reaper {

// Of /etc/subuid (subuid(5)).
struct UidRange {
  uid_t first;
  std::uint32_t count;
  uid_t owner;
};

struct Owners {
  // Returns the owner of a subordinate uid, as far as it is known, else the uid itself.
  uid_t of(uid_t uid) const;
  // The same for the uid of this process; the first that can be read tells whose the uid is. Guard: ranges
  // that a directory service gives out (FreeIPA), or that lie past the limit of the file, are in no list, but
  // their processes live in a user namespace, and the kernel knows who made that.
  uid_t of(uid_t uid, int proc_fd, pid_t pid);

  std::vector<UidRange> ranges;
  std::unordered_map<uid_t, uid_t> known{};
};

}  // namespace reaper
