// The texts of /proc/PID/environ and smaps_rollup. Hostile input; and environ holds secrets, so it is read in
// pieces and nothing of it is kept but which names were met. Async-signal-safe: no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace reaper {

// At most so many names, each of at most so many bytes, can be asked for.
inline constexpr std::size_t kEnvironNames = 32;
inline constexpr std::size_t kEnvironNameBytes = 63;

// The names that are looked for, in a form that a forked child may read.
struct EnvironQuery {
  char names[kEnvironNames][kEnvironNameBytes + 1];
  std::uint8_t lengths[kEnvironNames];
  std::size_t count = 0;

  // False: too many, too long, empty, or with "=" or NUL, which no name of a variable has.
  bool add(std::string_view name);
};

// Takes an environment (environ(7): NAME=value, each ended by NUL) in pieces cut anywhere. An element without
// "=" is no variable; one that the end cuts is, once its "=" was there.
class EnvironScan {
 public:
  explicit EnvironScan(const EnvironQuery& query) : query_(query) {}
  void take(std::string_view piece);
  // Bit i: the query's name i was met.
  std::uint32_t met() const { return met_; }

 private:
  const EnvironQuery& query_;
  char name_[kEnvironNameBytes];
  std::size_t length_ = 0;  // beyond kEnvironNameBytes: no name that is looked for
  bool in_value_ = false;
  std::uint32_t met_ = 0;
};

// The "Pss:" line of smaps_rollup (proc_pid_smaps(5)), in KiB; nullopt when it is not there exactly once in
// the kernel's form, as in a text that was cut.
std::optional<std::int64_t> parse_pss_kib(std::string_view text);

}  // namespace reaper
