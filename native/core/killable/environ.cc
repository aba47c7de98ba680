#include "core/killable/environ.h"

#include <algorithm>
#include <cerrno>

#include "core/killable/reader.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

constexpr char kWhat[] = "read the environment";
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

std::string trouble_of(int error) {
  if (error == 0 || is_gone(error)) return "";
  if (error == EDQUOT) return "the environments of its user's processes exceed 64 MiB";
  return error_text(error);
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

Result<EnvironNames> find_environ_names(const EnvironOptions& options) {
  for (const std::string& name : options.names)
    if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string::npos)
      return Failure{EINVAL, "look for the variable " + name};
  auto proc = ProcDir::open(options.proc_root);
  if (!proc) return proc.failure();

  EnvironNames out;
  std::vector<MemoryRequest> requests;
  for (const auto& [id, uid] : options.processes) {
    requests.push_back({std::to_string(id.pid) + "/environ", uid});
  }
  out.results.resize(requests.size());
  std::vector<std::string> troubles(requests.size(), "no answer in time");
  const auto on_answer = [&](std::size_t i, int error, std::string_view text) {
    troubles[i] = trouble_of(error);
    if (error != 0) return;
    if (text.size() != options.names.size()) {
      troubles[i] = "the helper's answer is malformed";
      return;
    }
    auto& names = out.results[i].emplace();
    for (std::size_t k = 0; k < text.size(); ++k)
      if (text[k] == '1') names.push_back(options.names[k]);
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
    if (error != 0 || stat.start_time != id.start_time) {
      out.results[i].reset();
      if (error == 0 || is_gone(error)) continue;
      troubles[i] = "cannot read whether it is still the same process";
    }
    if (!troubles[i].empty() && out.faults.size() < kMaxFaults)
      out.faults.push_back({kWhat, id.pid, troubles[i]});
  }
  return out;
}

}  // namespace reaper
