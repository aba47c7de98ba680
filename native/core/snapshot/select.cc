// Selects which processes are read in full: suspects with what lives above and below them, ssh servers, and
// what is hidden.
#include "core/snapshot/builder.h"

namespace reaper {

// Which users' processes are read in part: those all of whose suspects are below an ssh server, as far as
// parents show. It is the caller who decides who is at work, and reads more of whom this takes for one
// wrongly.
void SnapshotBuilder::find_partial_users() {
  if (!options_.partial) return;
  std::unordered_set<pid_t> sshd;
  for (const ScanEntry& entry : entries_)
    if (entry.sshd) sshd.insert(entry.pid);
  partial_uids_ = suspect_uids_;
  std::unordered_map<pid_t, pid_t> parents;
  for (const ScanEntry& entry : entries_) {
    if (!is_suspect(entry) || partial_uids_.count(entry.uid) == 0) continue;
    pid_t at = entry.pid;
    // A chain of parents that changes while it is read may be a cycle.
    for (int steps = 0; at > 1 && sshd.count(at) == 0 && steps < 64; ++steps) {
      const auto [known, is_new] = parents.emplace(at, 0);
      Stat stat;
      if (is_new && proc_.read_stat(at, -1, &stat) == 0) known->second = stat.ppid;
      at = known->second;
    }
    if (sshd.count(at) == 0) partial_uids_.erase(entry.uid);
  }
}

void SnapshotBuilder::read_full(pid_t pid, uid_t owner, bool wants_argv, bool partial) {
  if (!tried_.insert(pid).second) return;
  const uid_t account = options_.owners.of(owner);
  if (owner != 0 && read_of_[account]++ >= options_.user_processes)
    return report_.add_over_budget(
        account, owner, "read processes",
        "this user has more than " + std::to_string(options_.user_processes) + "; the rest was not read");
  Process process;
  process.partial = partial;
  if (!read_process(pid, owner, process)) return;
  index_[pid] = out_.processes.size();
  if (wants_argv && !partial) wants_argv_.push_back(out_.processes.size());
  out_.processes.push_back(std::move(process));
}

// With `full` every process of a user who is asked for counts like a suspect.
void SnapshotBuilder::read_suspects() {
  for (const ScanEntry& entry : entries_) {
    const bool wanted = options_.full ? suspect_uids_.count(entry.uid) != 0 : is_suspect(entry);
    if (entry.sshd || entry.hidden || wanted)
      read_full(entry.pid, entry.uid, !entry.sshd && wanted, is_partial(entry));
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
    if (!of_user && (entry.uid != 0 || !entry.has_exe)) continue;
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
      read_full(child->pid, child->uid, !child->sshd, is_partial(*child));
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
      const ProcId id = out_.processes[i].id;
      const pid_t parent = out_.processes[i].ppid;
      if (parent < 1 || index_.count(parent) != 0) break;
      uid_t owner = 0;
      if (tried_.count(parent) == 0 && proc_.owner(parent, &owner) == 0)
        read_full(parent, owner, suspect_uids_.count(owner) != 0, false);
      if (index_.count(parent) != 0) break;
      // The parent ended after its child was read: the child has another one by now.
      Stat again;
      if (proc_.read_stat(id.pid, -1, &again) != 0) break;
      if (again.start_time != id.start_time || again.ppid == parent) break;
      out_.processes[i].ppid = again.ppid;
    }
  }
}

}  // namespace reaper
