#include "core/killable/environ.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/killable/environ_parse.h"
#include "core/killable/reader.h"
#include "core/proc/parse.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

constexpr char kWhat[] = "read the environment";
constexpr std::size_t kMaxFaults = 100;
constexpr std::size_t kEnvironLimit = std::size_t{8} * 1024 * 1024;
// Guard: 6,000 forks that share 6 MB of environment would take all the time there is. Read in about 30 ms.
constexpr std::uint64_t kUserBudget = std::uint64_t{64} * 1024 * 1024;

// Private to the helper: not in the memory that it shares with its parent.
char g_piece[65536];

int scan_pieces(int fd, EnvironScan* scan, std::uint64_t* size) {
  for (;;) {
    const ssize_t got = read(fd, g_piece, sizeof g_piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return 0;
    *size += static_cast<std::uint64_t>(got);
    // Guard: prctl(PR_SET_MM_MAP) lets a process declare all of its memory its environment.
    if (*size > kEnvironLimit) return E2BIG;
    scan->take(std::string_view(g_piece, static_cast<std::size_t>(got)));
  }
}

int scan_environ(const char* path, const MemoryFile& file, char* to, HelperAnswer* answer) {
  const int fd = open_in_helper(path);
  if (fd < 0) return errno;
  EnvironScan scan(*static_cast<const EnvironQuery*>(file.query));
  const int error = scan_pieces(fd, &scan, &answer->cost);
  close(fd);
  if (error != 0) return error;
  const std::uint32_t met = scan.met();
  std::memcpy(to, &met, sizeof met);
  answer->length = sizeof met;
  return 0;
}

std::optional<std::vector<std::string>> names_in(std::string_view text,
                                                 const std::vector<std::string>& names) {
  std::uint32_t met = 0;
  if (text.size() != sizeof met) return std::nullopt;
  std::memcpy(&met, text.data(), sizeof met);
  std::vector<std::string> found;
  for (std::size_t i = 0; i < names.size(); ++i)
    if ((met >> i & 1) != 0) found.push_back(names[i]);
  return found;
}

std::string trouble_of(int error) {
  if (error == 0 || is_gone(error)) return "";
  if (error == EDQUOT) return "the environments of its user's processes exceed 64 MiB";
  return error_text(error);
}

}  // namespace

Result<EnvironNames> find_environ_names(const EnvironOptions& options) {
  EnvironQuery query{};
  for (const std::string& name : options.names)
    if (!query.add(name)) return Failure{EINVAL, "look for the variable " + name};
  auto proc = ProcDir::open(options.proc_root);
  if (!proc) return proc.failure();

  EnvironNames out;
  std::vector<MemoryRequest> requests;
  for (const EnvironSubject& subject : options.processes) {
    out.results.push_back({subject.id, std::nullopt});
    uid_t uid = subject.uid.value_or(0);
    if (!subject.uid) proc.value().owner(subject.id.pid, &uid);
    requests.push_back({subject.id.pid, uid});
  }
  std::vector<std::string> troubles(requests.size(), "no answer in time");
  const auto on_answer = [&](std::size_t i, int error, std::string_view text) {
    troubles[i] = trouble_of(error);
    if (error != 0) return;
    out.results[i].names = names_in(text, options.names);
    if (!out.results[i].names) troubles[i] = "the helper's answer is malformed";
  };
  const MemoryFile file{"environ", sizeof(std::uint32_t), kUserBudget, scan_environ, &query, kWhat};
  MemoryReader(file, proc.value().fd(), options.timeout_ms, options.budget_ms, options.owners)
      .read(requests, on_answer, &out.faults);

  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ProcId& id = out.results[i].id;
    // Guard: the file was read by pid alone; a recycled pid must not speak for another process.
    std::string_view text;
    const int error = proc.value().read_of(id.pid, "stat", &text);
    // This program has no descriptor or memory left: every later answer would be wrong as well.
    if (is_exhausted(error)) return Failure{error, kWhat};
    const auto stat = error == 0 ? parse_stat(text) : std::nullopt;
    if (!stat || stat->pid != id.pid || stat->start_time != id.start_time) {
      out.results[i].names.reset();
      if (is_gone(error) || stat) continue;
      troubles[i] = "cannot read whether it is still the same process";
    }
    if (!troubles[i].empty() && out.faults.size() < kMaxFaults)
      out.faults.push_back({kWhat, id.pid, troubles[i]});
  }
  return out;
}

}  // namespace reaper
