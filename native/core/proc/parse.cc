#include "core/proc/parse.h"

#include <algorithm>
#include <csignal>
#include <map>

namespace reaper {
namespace {

// Start times cross to JavaScript as numbers, which are exact up to here.
constexpr std::uint64_t kMaxSafeInteger = (1ULL << 53) - 1;

// Returns the rest of the line of /proc/PID/status that begins with `key`, which starts with a newline: the
// kernel writes one in Name: as "\n", so a name cannot hold the key.
std::optional<std::string_view> status_line(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos || text.find('\n', at + 1) == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + key.size());
  return take_word(text, '\n');
}

}  // namespace

std::string_view take_word(std::string_view& text, char separator) {
  const std::string_view word = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

std::optional<Stat> parse_stat(std::string_view text) {
  // A text cut anywhere lacks the final newline: a short read must never pass for a process.
  if (text.empty() || text.back() != '\n') return std::nullopt;
  text.remove_suffix(1);
  const std::size_t open = text.find(" (");
  // comm is the user's choice and may hold ") R 1 1": only the last ")" ends it.
  const std::size_t close = text.rfind(')');
  Stat stat;
  if (close == std::string_view::npos || !to_number(text.substr(0, open), stat.pid)) return std::nullopt;
  stat.comm = text.substr(open + 2, close - open - 2);
  std::string_view rest = text.substr(close + 1);
  if (rest.size() < 3 || rest[0] != ' ' || rest[2] != ' ') return std::nullopt;
  stat.state = rest[1];
  rest.remove_prefix(3);
  std::array<std::string_view, 25> fields;  // by their numbers in proc_pid_stat(5)
  for (std::size_t i = 4; i <= 24; ++i) {
    fields[i] = take_word(rest, ' ');
    // A cut in front of "(" of a comm that holds a whole line would leave letters here: numbers only.
    std::uint64_t number = 0;
    std::int64_t negative = 0;
    if (!to_number(fields[i], number) && !to_number(fields[i], negative)) return std::nullopt;
    // Fields 16 and 17 are signed. A sum too large for JavaScript ends at the largest number.
    if (i >= 14 && i <= 17) stat.cpu_ticks += std::min(number, kMaxSafeInteger - stat.cpu_ticks);
  }
  const bool good = to_number(fields[4], stat.ppid) && to_number(fields[5], stat.pgid) &&
                    to_number(fields[6], stat.sid) && to_number(fields[7], stat.tty) &&
                    to_number(fields[20], stat.threads) && to_number(fields[22], stat.start_time) &&
                    to_number(fields[24], stat.rss_pages);
  if (!good || stat.pid < 1 || stat.ppid < 0 || stat.threads < 0 || stat.rss_pages < 0 ||
      stat.start_time > kMaxSafeInteger)
    return std::nullopt;
  return stat;
}

std::optional<std::array<uid_t, 4>> parse_status_uids(std::string_view text) {
  std::optional<std::string_view> line = status_line(text, "\nUid:\t");
  if (!line) return std::nullopt;
  std::array<uid_t, 4> uids{};
  for (uid_t& uid : uids)
    if (!to_number(take_word(*line, '\t'), uid)) return std::nullopt;
  if (!line->empty()) return std::nullopt;
  return uids;
}

std::optional<bool> parse_status_ignores_hangup(std::string_view text) {
  const std::optional<std::string_view> mask = status_line(text, "\nSigIgn:\t");
  std::uint64_t ignored = 0;
  if (!mask || !to_number(*mask, ignored, 16)) return std::nullopt;
  return (ignored & (1ULL << (SIGHUP - 1))) != 0;
}

std::vector<std::string> split_argv(std::string_view text) {
  std::vector<std::string> argv;
  while (!text.empty()) argv.emplace_back(take_word(text, '\0'));
  return argv;
}

std::optional<std::vector<std::string>> parse_cgroups(std::string_view text) {
  if (!text.empty() && text.back() != '\n') return std::nullopt;  // cut
  std::multimap<int, std::string_view> ranked;                    // the paths in the order of the result
  while (!text.empty()) {
    std::string_view path = take_word(text, '\n');
    const std::string_view hierarchy = take_word(path, ':');
    const std::string_view controllers = take_word(path, ':');  // the path keeps its own colons
    std::uint32_t number = 0;
    if (!to_number(hierarchy, number) || path.empty() || path[0] != '/') return std::nullopt;
    const bool is_unified = number == 0 && controllers.empty();
    if (is_unified || controllers == "name=systemd")
      ranked.emplace((path == "/" ? 2 : 0) + (is_unified ? 0 : 1), path);
    else
      ranked.emplace(4, path);
  }
  std::vector<std::string> paths;
  for (const auto& [rank, path] : ranked)
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.emplace_back(path);
  return paths;
}

std::optional<std::uint32_t> parse_id(std::string_view text) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  std::uint32_t value = 0;
  return to_number(text, value) ? std::make_optional(value) : std::nullopt;
}

std::string_view exe_basename(std::string_view exe) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (exe.size() > kDeleted.size() && exe.substr(exe.size() - kDeleted.size()) == kDeleted)
    exe.remove_suffix(kDeleted.size());
  return exe.substr(exe.rfind('/') + 1);  // npos + 1 is 0: no slash, the whole
}

}  // namespace reaper
