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

class Owners {
 public:
  Owners() = default;
  explicit Owners(std::vector<UidRange> ranges) : ranges_(std::move(ranges)) {}

  // Returns the owner of a subordinate uid, else the uid itself.
  uid_t of(uid_t uid) const {
    for (const UidRange& range : ranges_)
      if (uid >= range.first && uid - range.first < range.count) return range.owner;
    return uid;
  }

 private:
  std::vector<UidRange> ranges_;
};

}  // namespace reaper
