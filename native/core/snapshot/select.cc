// Selects which processes are read in full: suspects with what lives above and below them, ssh servers, and
// what is hidden.
#include <algorithm>

#include "core/snapshot/builder.h"

namespace reaper {

void SnapshotBuilder::read_full(pid_t pid, uid_t owner, bool wants_argv) {
  if (!tried_.insert(pid).second) return;
  const uid_t account = options_.owners.of(owner);
  if (owner != 0 && read_of_[account]++ >= options_.user_processes)
    return report_.add_over_budget(
        account, owner, "read processes",
        "this user has more than " + std::to_string(options_.user_processes) + "; the rest was not read");
  Process process;
  if (!read_process(pid, owner, process)) return;
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

// With `full` every process of a user who is asked for counts like a suspect.
void SnapshotBuilder::read_suspects() {
  for (const ScanEntry& entry : entries_) {
    const bool wanted = options_.full ? suspect_uids_.count(entry.uid) != 0 : is_suspect(entry);
    if (entry.sshd || entry.hidden || wanted) read_full(entry.pid, entry.uid, !entry.sshd && wanted);
  }
}

// Reads what lives below a suspect, of every user who has one and of root: what sudo runs in a tree.
void SnapshotBuilder::read_descendants() {
  if (suspect_uids_.empty()) return;
  std::unordered_map<pid_t, std::vector<const ScanEntry*>> children;
  std::vector<pid_t> above;
  for (const ScanEntry& entry : entries_) {
    const bool of_user = suspect_uids_.count(entry.uid) != 0;
    if (options_.full ? of_user && entry.uid != 0 : is_suspect(entry)) above.push_back(entry.pid);
    // Guard: doas or a set-user-ID bit runs any user's program in a tree's terminal, and it ends with the
    // tree.
    if (!of_user && (!entry.has_exe || (entry.uid != 0 && !options_.other_users))) continue;
    if (const pid_t parent = read_parent(entry)) children[parent].push_back(&entry);
  }
  std::unordered_set<pid_t> below;
  while (!above.empty()) {
    const auto found = children.find(above.back());
    above.pop_back();
    if (found == children.end()) continue;
    for (const ScanEntry* child : found->second) {
      // Each process is taken once, so a cycle of parents ends.
      if (!below.insert(child->pid).second) continue;
      read_full(child->pid, child->uid, !child->sshd);
      above.push_back(child->pid);
    }
  }
}

// Returns 0 for a parent that cannot be read.
pid_t SnapshotBuilder::read_parent(const ScanEntry& entry) {
  if (const auto known = index_.find(entry.pid); known != index_.end())
    return out_.processes[known->second].ppid;
  if (tried_.count(entry.pid) != 0) return 0;  // reported already
  Stat stat;
  const int error = proc_.read_stat(entry.pid, -1, &stat);
  if (error == 0) return stat.ppid;
  report_.add_error("read the process", entry.pid, entry.uid, error);
  return 0;
}

void SnapshotBuilder::read_ancestors() {
  // The list grows while it is walked; each pid is tried once, so a cycle of parents ends.
  for (std::size_t i = 0; i < out_.processes.size(); ++i) {
    for (int tries = 0; tries < 3; ++tries) {
      const Stat child = out_.processes[i];  // a copy, for the list grows
      const pid_t parent = child.ppid;
      if (parent < 1 || index_.count(parent) != 0) break;
      uid_t owner = 0;
      if (tried_.count(parent) == 0 && proc_.owner(parent, &owner) == 0)
        read_full(parent, owner, suspect_uids_.count(owner) != 0);
      if (index_.count(parent) != 0) break;
      // The parent ended after its child was read: the child has another one by now.
      Stat again;
      if (proc_.read_stat(child.pid, -1, &again) != 0) break;
      if (again.start_time != child.start_time || again.ppid == parent) break;
      out_.processes[i].ppid = again.ppid;
    }
  }
}

}  // namespace reaper
