// Maps subordinate uids (subuid(5)) to the user who owns them. Every budget counts per owner, for a user may
// run processes under 65,536 uids of a range of their own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace reaper {

struct UidRange {
  uid_t first;
  std::uint32_t count;
  uid_t owner;
};

struct Owners {
  // Returns the owner of a subordinate uid, else the uid itself.
  uid_t of(uid_t uid) const {
    for (const UidRange& range : ranges)
      if (uid >= range.first && uid - range.first < range.count) return range.owner;
    return uid;
  }

  std::vector<UidRange> ranges;
};

}  // namespace reaper
