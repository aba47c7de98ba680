#include "core/killable/environ.h"

#include <algorithm>
#include <cerrno>

#include "core/killable/reader.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

constexpr char kWhat[] = "read the environment";
constexpr char kOverBudget[] = "the environments of its user's processes exceed 64 MiB";
constexpr std::size_t kMaxFaults = 100;
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

Result<EnvironNames> find_environ_names(const EnvironOptions& options) {
  for (const std::string& name : options.names)
    if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string::npos)
      return Failure{EINVAL, "look for the variable " + name};
  auto proc = ProcDir::open(options.proc_root);
  if (!proc) return proc.failure();

  EnvironNames out;
  std::vector<MemoryRequest> requests;
  for (const auto& [id, uid] : options.processes)
    requests.push_back({std::to_string(id.pid) + "/environ", uid});
  out.results.resize(requests.size());
  std::vector<int> errors(requests.size(), ETIMEDOUT);
  const auto on_answer = [&](std::size_t i, int error, std::string_view text) {
    if (error == 0) out.results[i] = names_met(text, options.names);
    errors[i] = error == 0 && !out.results[i] ? EBADMSG : error;
  };
  const MemoryFile file{kWhat, options.names.size(), kUserBudget, read_environ, &options.names};
  MemoryReader(file, proc.value().fd(), options.timeout_ms, options.budget_ms, options.owners)
      .read(requests, on_answer, &out.faults);

  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ProcId& id = options.processes[i].id;
    // Guard: the file was read by pid alone; a recycled pid must not speak for another process.
    Stat stat;
    const int error = proc.value().read_stat(id.pid, -1, &stat);
    // This program has no descriptor or memory left: every later answer would be wrong as well.
    if (is_exhausted(error)) return Failure{error, kWhat};
    if (error != 0) errors[i] = error;
    if (error == 0 && stat.start_time != id.start_time) errors[i] = ESRCH;
    if (errors[i] == 0) continue;
    out.results[i].reset();
    if (!is_gone(errors[i]) && out.faults.size() < kMaxFaults)
      out.faults.push_back({kWhat, id.pid, errors[i] == EDQUOT ? kOverBudget : error_text(errors[i])});
  }
  return out;
}

}  // namespace reaper
