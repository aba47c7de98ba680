// The texts of /proc as values. Pure functions; every text is hostile input, so each returns nullopt for
// anything but the whole, exact shape. A view in a result points into the text given.
#pragma once

#include <sys/types.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reaper {

// Reads the whole of `text` as a number of this type; from_chars refuses overflow, signs on unsigned, and
// spaces.
template <typename T>
bool to_number(std::string_view text, T& value, int base = 10) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  return error == std::errc() && stop == end;
}

// Takes the next word from the front of `text`, up to one `separator`.
std::string_view take_word(std::string_view& text, char separator);

// Fields 1 to 24 of /proc/PID/stat (proc_pid_stat(5)); start_time in ticks since boot, rss in pages.
struct Stat {
  pid_t pid = 0, ppid = 0, pgid = 0, sid = 0;
  std::string comm;
  char state = '?';
  std::int32_t tty = 0, threads = 0;
  std::uint64_t start_time = 0;
  // CPU time in ticks, in user and kernel mode, with that of children that were waited for.
  std::uint64_t cpu_ticks = 0;
  std::int64_t rss_pages = 0;
};
std::optional<Stat> parse_stat(std::string_view text);

// The four uids of /proc/PID/status: real, effective, saved, filesystem.
std::optional<std::array<uid_t, 4>> parse_status_uids(std::string_view text);

// Whether /proc/PID/status says that the process ignores SIGHUP.
std::optional<bool> parse_status_ignores_hangup(std::string_view text);

// The elements of /proc/PID/cmdline. The last may lack its NUL (a process that rewrote its title).
std::vector<std::string> split_argv(std::string_view text);

// The distinct paths of /proc/PID/cgroup (cgroups(7): v1, hybrid or v2), the one that carries sessions first:
// v2's, unless that is "/" and v1's name=systemd says more.
std::optional<std::vector<std::string>> parse_cgroups(std::string_view text);

// loginuid and sessionid: kUnsetId where no login set them.
inline constexpr std::uint32_t kUnsetId = 4294967295U;
std::optional<std::uint32_t> parse_id(std::string_view text);

// The last component of an exe link's text, without the " (deleted)" that the kernel appends.
std::string_view exe_basename(std::string_view exe);

}  // namespace reaper
