// Selects which processes are read in full.
#include <algorithm>

#include "core/snapshot/builder.h"

namespace reaper {

void SnapshotBuilder::read_full(pid_t pid, uid_t owner, bool wants_argv) {
  if (!tried_.insert(pid).second) return;
  // Guard: without root's ssh servers no tree can be judged, so root has no budget.
  const uid_t account = owners_.of(owner, proc_.fd(), pid);
  if (owner != 0 && read_of_[account]++ >= options_.user_processes)
    return add_over_budget(
        owner, "read processes",
        "this user has more than " + std::to_string(options_.user_processes) + "; the rest was not read");
  Process process;
  if (!read_process(pid, owner, process)) return;
  process.account = account;
  index_[pid] = out_.processes.size();
  if (wants_argv) wants_argv_.push_back(out_.processes.size());
  out_.processes.push_back(std::move(process));
}

void SnapshotBuilder::read_sshd() {
  for (const ScanEntry& entry : entries_)
    if (entry.sshd) read_full(entry.pid, entry.uid, false);
}

// Reads of suspects and of what lives above them, as far as the scan saw it, only parents and start times.
std::vector<ChainProcess> SnapshotBuilder::read_chains() {
  const auto before = [](const ScanEntry& entry, pid_t pid) { return entry.pid < pid; };
  std::vector<ChainProcess> chain;
  std::unordered_set<pid_t> met;
  for (const ScanEntry& entry : entries_) {
    if (!is_suspect(entry)) continue;
    for (pid_t pid = entry.pid; met.insert(pid).second;) {
      const auto found = std::lower_bound(entries_.begin(), entries_.end(), pid, before);
      Stat stat;  // left as it is where it cannot be read: without a parent, and as old as the host
      if (found == entries_.end() || found->pid != pid || is_gone(proc_.read_stat(pid, -1, &stat))) break;
      chain.push_back({{pid, stat.start_time}, stat.ppid, found->uid, is_suspect(*found)});
      pid = stat.ppid;
    }
  }
  return chain;
}

// Reads what is a suspect or hidden, and what lives below a suspect: of every user who has one, and what sudo
// runs there as root. The ssh servers were read before, without their command lines.
void SnapshotBuilder::read_trees() {
  std::unordered_map<pid_t, std::vector<const ScanEntry*>> children;
  std::vector<const ScanEntry*> trees;
  for (const ScanEntry& entry : entries_) {
    const bool suspect = is_suspect(entry);
    if (suspect) trees.push_back(&entry);
    if (suspect || entry.hidden) read_full(entry.pid, entry.uid, suspect);
    // Guard: doas or a set-user-ID bit runs any user's program in a tree's terminal, and it ends with the
    // tree.
    const bool may_be_below = entry.has_exe && (entry.uid == 0 || options_.full);
    if (has_suspects() && (may_be_below || suspect_uids_.count(entry.uid) != 0))
      children[read_parent(entry)].push_back(&entry);
  }
  std::unordered_set<const ScanEntry*> met;  // each process is taken once, so a circle of parents ends
  while (!trees.empty()) {
    const ScanEntry& entry = *trees.back();
    trees.pop_back();
    if (!met.insert(&entry).second) continue;
    read_full(entry.pid, entry.uid, true);
    const auto& below = children[entry.pid];
    trees.insert(trees.end(), below.begin(), below.end());
  }
}

// Returns 0 for a parent that cannot be read.
pid_t SnapshotBuilder::read_parent(const ScanEntry& entry) {
  if (const auto known = index_.find(entry.pid); known != index_.end())
    return out_.processes[known->second].ppid;
  if (tried_.count(entry.pid) != 0) return 0;  // reported already
  Stat stat;
  if (const int error = proc_.read_stat(entry.pid, -1, &stat))
    add_error("read the process", entry.pid, entry.uid, error);
  return stat.ppid;
}

// The list grows while it is walked; each pid is tried once, so a circle of parents ends.
void SnapshotBuilder::read_ancestors() {
  for (std::size_t i = 0; i < out_.processes.size(); ++i) {
    for (int tries = 0; tries < 3; ++tries) {
      const Stat child = out_.processes[i];  // a copy, for the list grows
      uid_t owner = 0;
      if (child.ppid < 1) break;
      if (tried_.count(child.ppid) == 0 && proc_.owner(child.ppid, &owner) == 0)
        read_full(child.ppid, owner, suspect_uids_.count(owner) != 0);
      if (index_.count(child.ppid) != 0) break;
      // The parent ended after its child was read: the child has another one by now.
      Stat again;
      if (proc_.read_stat(child.pid, -1, &again) != 0) break;
      if (again.start_time != child.start_time || again.ppid == child.ppid) break;
      out_.processes[i].ppid = again.ppid;
    }
  }
}

// Of what was read: the suspects, by executable or command line, with what lives above them, which alone can
// lead a tree. What else is read must not use up its user's budget of environments.
std::unordered_set<pid_t> SnapshotBuilder::possible_leaders() const {
  std::unordered_set<pid_t> leaders;
  for (const ScanEntry& entry : entries_) {
    auto found = index_.find(entry.pid);
    if (found == index_.end()) continue;
    const Process& process = out_.processes[found->second];
    // The scan asks for no command line of a shell, and in a full look for none of an interpreter.
    const bool suspect =
        entry.suspect || may_hold_marker(process.argv_status, process.argv_truncated, process.argv);
    while (suspect && found != index_.end() && leaders.insert(found->first).second)
      found = index_.find(out_.processes[found->second].ppid);
  }
  return leaders;
}

}  // namespace reaper
