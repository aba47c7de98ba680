// Scans the text of /proc/PID/environ. It is hostile input and holds secrets: it is read in pieces, and only
// which names were met is kept. Async-signal-safe: no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace reaper {

// At most so many names, each of at most so many bytes, can be asked for.
inline constexpr std::size_t kEnvironNames = 32;
inline constexpr std::size_t kEnvironNameBytes = 63;

// The names to look for, in a form that a forked child may read.
struct EnvironQuery {
  char names[kEnvironNames][kEnvironNameBytes + 1];
  std::uint8_t lengths[kEnvironNames];
  std::size_t count = 0;

  // False: too many, too long, empty, or with "=" or NUL, which no name of a variable has.
  bool add(std::string_view name);
};

// Scans an environment (environ(7): NAME=value, each ended by NUL) in pieces that are cut anywhere. An
// element without "=" is not a variable; one that the end cuts is, once its "=" was there.
class EnvironScan {
 public:
  explicit EnvironScan(const EnvironQuery& query) : query_(query) {}
  void take(std::string_view piece);
  // Bit i: the query's name i was met.
  std::uint32_t met() const { return met_; }

 private:
  const EnvironQuery& query_;
  char name_[kEnvironNameBytes];
  std::size_t length_ = 0;  // beyond kEnvironNameBytes: not a name to look for
  bool in_value_ = false;
  std::uint32_t met_ = 0;
};

}  // namespace reaper
