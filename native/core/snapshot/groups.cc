// What a first stage finds out about suspects: below which ssh server process they live, and their age.
#include <algorithm>
#include <map>

#include "core/snapshot/builder.h"

namespace reaper {
namespace {

struct Lineage {
  uid_t uid = 0;
  pid_t session = 0;
  std::uint64_t oldest = ~0ULL, own_start = 0;
};

}  // namespace

// Reads of suspects and of what lives above them, as far as the scan saw it, only parents and start times.
std::vector<SuspectGroup> SnapshotBuilder::group_suspects() {
  const auto before = [](const ScanEntry& entry, pid_t pid) { return entry.pid < pid; };
  std::unordered_map<pid_t, Lineage> known;  // each process is read once, so a circle of parents ends
  std::map<std::pair<uid_t, pid_t>, SuspectGroup> groups;
  for (const ScanEntry& start : entries_) {
    if (!is_suspect(start)) continue;
    std::vector<Lineage*> path;
    pid_t pid = start.pid;
    while (known.count(pid) == 0) {
      const auto found = std::lower_bound(entries_.begin(), entries_.end(), pid, before);
      Stat stat;  // left as it is where it cannot be read: without a parent, and as old as the host
      if (found == entries_.end() || found->pid != pid || is_gone(proc_.read_stat(pid, -1, &stat))) break;
      const auto server = found->sshd ? index_.find(pid) : index_.end();
      // Guard: the number may be another process's since the ssh server was read.
      const bool is_session =
          server != index_.end() && out_.processes[server->second].start_time == stat.start_time;
      Lineage& one = known[pid];
      one.uid = found->uid;
      one.own_start = stat.start_time;
      if (is_session) one.session = pid;
      if (!is_session) one.oldest = stat.start_time;
      path.push_back(&one);
      pid = is_session ? 0 : stat.ppid;
    }
    const auto top = known.find(pid);
    Lineage above = top == known.end() ? Lineage() : top->second;
    for (auto each = path.rbegin(); each != path.rend(); ++each) {
      Lineage& one = **each;
      // Guard: a parent that is younger than its child is another process by now.
      if (above.own_start > one.own_start) above = Lineage();
      if (one.session == 0) one.session = above.session;
      if (above.uid == one.uid) one.oldest = std::min(one.oldest, above.oldest);
      above = one;
    }
    if (known.count(start.pid) == 0) continue;  // it has ended
    const Lineage& own = known[start.pid];
    SuspectGroup& group = groups[{own.uid, own.session}];
    group.uid = own.uid;
    group.session = own.session;
    group.start_time = std::min(group.start_time, own.oldest);
  }
  for (const auto& [pid, one] : known)
    if (const auto found = groups.find({one.uid, one.session}); found != groups.end())
      found->second.pids.push_back(pid);
  std::vector<SuspectGroup> all;
  for (auto& [key, group] : groups) all.push_back(std::move(group));
  return all;
}

}  // namespace reaper
