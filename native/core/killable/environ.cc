#include "core/killable/environ.h"

#include <algorithm>
#include <cerrno>

#include "core/proc/parse.h"

namespace reaper {
namespace {

constexpr std::size_t kEnvironLimit = std::size_t{8} * 1024 * 1024;
// Guard: 6,000 forks that share 6 MB of environment would take all the time there is. Read in about 30 ms.
constexpr std::uint64_t kUserBudget = std::uint64_t{64} * 1024 * 1024;
constexpr std::size_t kPiece = 65536;

// Private to the helper, which alone touches it: not in the memory that it shares with its parent.
char g_text[kEnvironLimit + 1];

int read_environ(const char* path, const MemoryFile& file, char* to, HelperAnswer* answer) {
  std::size_t size = 0;
  const int error = read_in_helper(path, kPiece, g_text, sizeof g_text, &size);
  answer->cost = size;
  if (error != 0) return error;
  // Guard: prctl(PR_SET_MM_MAP) lets a process declare all of its memory its environment.
  if (size > kEnvironLimit) return E2BIG;
  const auto& names = *static_cast<const std::vector<std::string>*>(file.query);
  match_environ({g_text, size}, names, to);
  answer->length = static_cast<std::uint32_t>(names.size());
  return 0;
}

}  // namespace

MemoryFile environ_file(const std::vector<std::string>& names) {
  return {"read environments", names.size(), kUserBudget, read_environ, &names};
}

void match_environ(std::string_view text, const std::vector<std::string>& names, char* met) {
  std::fill_n(met, names.size(), '0');
  while (!text.empty()) {
    const std::string_view variable = take_word(text, '\0');
    const std::string_view name = variable.substr(0, variable.find('='));
    if (name.size() == variable.size()) continue;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (name == names[i]) met[i] = '1';
  }
}

std::optional<std::vector<std::string>> names_met(std::string_view met,
                                                  const std::vector<std::string>& names) {
  // Guard: the helper reads hostile input.
  if (met.size() != names.size()) return std::nullopt;
  std::vector<std::string> found;
  for (std::size_t i = 0; i < met.size(); ++i)
    if (met[i] == '1') found.push_back(names[i]);
  return found;
}

}  // namespace reaper
