// Where the record of each inode is, as a hash table without allocations for single entries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace reaper {

// Inodes are the kernel's to choose, in order; whoever kept only those that collide would have to make
// thousands of sockets for each, and their number is bounded by the limits on descriptors.
class InodeIndex {
 public:
  static constexpr std::size_t kNone = SIZE_MAX;

  // Room for `count` inodes.
  explicit InodeIndex(std::size_t count = 0) {
    while ((std::size_t{1} << bits_) < 2 * count) ++bits_;
    slots_.resize(std::size_t{1} << bits_);
  }

  // The first place that is told for an inode stays.
  void add(std::uint32_t inode, std::size_t place) {
    Slot& slot = slots_[find_slot(inode)];
    if (slot.next_place == 0) slot = {place + 1, inode};
  }

  // kNone: never told.
  std::size_t find(std::uint32_t inode) const { return slots_[find_slot(inode)].next_place - 1; }

 private:
  struct Slot {
    std::size_t next_place = 0;  // 0: empty
    std::uint32_t inode = 0;
  };

  std::size_t find_slot(std::uint32_t inode) const {
    constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio (Knuth)
    std::size_t at = static_cast<std::size_t>((inode * kSpread) >> (64 - bits_));
    while (slots_[at].next_place != 0 && slots_[at].inode != inode) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  unsigned bits_ = 4;
  std::vector<Slot> slots_;
};

}  // namespace reaper
