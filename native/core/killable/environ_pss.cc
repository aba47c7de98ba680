#include "core/killable/environ_pss.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/killable/environ_pss_parse.h"
#include "core/killable/reader.h"
#include "core/proc/parse.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

constexpr std::size_t kMaxFaults = 100;
constexpr std::size_t kEnvironLimit = std::size_t{8} * 1024 * 1024;
constexpr std::size_t kRollupBytes = 8192;  // the kernel's is below 1 KiB

// Private to the helper: not in the memory that it shares with its parent.
char g_piece[65536];

int scan_environ(int fd, const MemoryFile& file, char* to, std::uint32_t* length) {
  EnvironScan scan(*static_cast<const EnvironQuery*>(file.given));
  for (std::size_t size = 0;;) {
    const ssize_t got = read(fd, g_piece, sizeof g_piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    // Guard: prctl(PR_SET_MM_MAP) lets a process declare all of its memory its environment.
    if (size > kEnvironLimit) return E2BIG;
    scan.take(std::string_view(g_piece, static_cast<std::size_t>(got)));
  }
  const std::uint32_t met = scan.met();
  std::memcpy(to, &met, sizeof met);
  *length = sizeof met;
  return 0;
}

// Reads one file of every process and makes a fact of each text; nullopt from `make` is "not in the form".
template <typename T, typename F>
Result<MemoryFacts<T>> gather(const MemoryOptions& options, const MemoryFile& file, const char* what,
                              F make) {
  auto proc = ProcDir::open(options.proc_root);
  if (!proc) return proc.failure();
  MemoryFacts<T> out;
  std::vector<MemoryRequest> requests;
  for (const MemorySubject& subject : options.processes) {
    out.results.push_back({subject.id, std::nullopt});
    uid_t uid = subject.uid.value_or(0);
    if (!subject.uid) proc.value().owner(subject.id.pid, &uid);
    requests.push_back({subject.id.pid, uid});
  }
  std::vector<std::string> troubles(requests.size(), "no answer in time");
  const auto take = [&](std::size_t i, int error, std::string_view text) {
    troubles[i] = error == 0 || is_gone(error) ? "" : error_text(error);
    if (error != 0) return;
    out.results[i].fact = make(text);
    if (!out.results[i].fact) troubles[i] = "not in the form that the kernel writes";
  };
  MemoryReader(file, proc.value().fd(), options.timeout_ms, options.budget_ms)
      .read(requests, take, &out.faults);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ProcId& id = out.results[i].id;
    // Guard: the file was read by pid alone; a recycled pid must not speak for another process.
    std::string_view text;
    const int error = proc.value().read_of(id.pid, "stat", &text);
    // No descriptor or memory was left: that is this program's trouble, not that of one process.
    if (is_exhausted(error)) return Failure{error, what};
    const auto stat = error == 0 ? parse_stat(text) : std::nullopt;
    if (!stat || stat->pid != id.pid || stat->start_time != id.start_time) {
      out.results[i].fact.reset();
      if (is_gone(error) || stat) continue;
      troubles[i] = "it could not be told whether it is still the same process";
    }
    if (!troubles[i].empty() && out.faults.size() < kMaxFaults)
      out.faults.push_back({what, id.pid, troubles[i]});
  }
  return out;
}

}  // namespace

Result<MemoryFacts<std::vector<std::string>>> find_environ_names(const MemoryOptions& options,
                                                                 const std::vector<std::string>& names) {
  EnvironQuery query{};
  for (const std::string& name : names)
    if (!query.add(name)) return Failure{EINVAL, "look for the variable " + name};
  const MemoryFile file{"environ", sizeof(std::uint32_t), scan_environ, &query, "read environments"};
  const auto make = [&names](std::string_view text) -> std::optional<std::vector<std::string>> {
    std::uint32_t met = 0;
    if (text.size() != sizeof met) return std::nullopt;
    std::memcpy(&met, text.data(), sizeof met);
    std::vector<std::string> found;
    for (std::size_t i = 0; i < names.size(); ++i)
      if ((met >> i & 1) != 0) found.push_back(names[i]);
    return found;
  };
  return gather<std::vector<std::string>>(options, file, "read the environment", make);
}

Result<MemoryFacts<std::int64_t>> read_pss(const MemoryOptions& options) {
  const MemoryFile file{"smaps_rollup", kRollupBytes, read_bytes, nullptr, "read memory use"};
  return gather<std::int64_t>(options, file, "read the memory use", parse_pss_kib);
}

}  // namespace reaper
