#include "hook/cgroup_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>

#include "core/base/fd.h"
#include "core/proc/parse.h"

namespace reaper::hook {
namespace {

struct Level {
  std::string path;  // relative to the top
  unsigned depth;
};

bool has_vanished(int code) { return code == ENOENT || code == ENODEV; }

// cgroup.procs holds one pid per line (cgroups(7)); 0 stands for a process outside this pid namespace.
int append_members(ProcDir& reader, int directory, std::vector<pid_t>& pids) {
  std::string_view text;
  const int error = reader.read(directory, "cgroup.procs", &text);
  // A threaded cgroup: its processes are listed in the domain above it (cgroup-v2, "Threads").
  if (error == EOPNOTSUPP) return 0;
  if (error != 0) return error;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    if (const auto pid = parse_pid(text.substr(0, end))) pids.push_back(*pid);
    text.remove_prefix(end + 1);
  }
  return 0;
}

// Closes `directory`. Guard: stops at the bound, for a user may make any number of cgroups in one folder.
Result<bool> append_children(UniqueFd directory, const Level& level, unsigned bound,
                             std::vector<Level>& pending) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(directory.get()), closedir);
  if (!stream) return Failure{errno, "list cgroups"};
  (void)directory.release();  // the stream closes it
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..")
      pending.push_back({level.path + "/" + name, level.depth + 1});
    if (pending.size() > bound) return Failure{E2BIG, "list cgroups"};
    errno = 0;
  }
  if (errno != 0 && !has_vanished(errno)) return Failure{errno, "list cgroups"};
  return true;
}

}  // namespace

Result<std::vector<pid_t>> list_cgroup(ProcDir& reader, const std::string& directory,
                                       const WalkBounds& bounds) {
  const UniqueFd top(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!top.valid()) return Failure{errno, directory};
  std::vector<pid_t> pids;
  std::vector<Level> pending{{".", 0}};
  for (unsigned seen = 0; !pending.empty(); ++seen) {
    const Level level = std::move(pending.back());
    pending.pop_back();
    if (seen >= bounds.directories || level.depth > bounds.depth) return Failure{E2BIG, directory};
    UniqueFd fd(openat(top.get(), level.path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) {
      if (has_vanished(errno)) continue;
      return Failure{errno, "open a cgroup"};
    }
    const int error = append_members(reader, fd.get(), pids);
    if (error != 0 && !has_vanished(error)) return Failure{error, "read cgroup.procs"};
    Result<bool> children = append_children(std::move(fd), level, bounds.directories, pending);
    if (!children) return children.failure();
  }
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

}  // namespace reaper::hook
