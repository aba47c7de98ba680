// Which processes are read in full: suspects with their kin above and below, ssh servers, and what is hidden.
#include "core/proc/parse.h"
#include "core/snapshot/survey.h"

namespace reaper {

void Survey::read_users() {
  if (options_.full) {
    read_everything();
    return;
  }
  const std::unordered_set<pid_t> below = find_descendants();
  for (const SurveyEntry& entry : entries_) {
    const bool in_tree = is_suspect(entry) || below.count(entry.pid) != 0;
    if (tried_.count(entry.pid) == 0 && (entry.sshd || entry.hidden || in_tree))
      read_full(entry.pid, entry.uid, !entry.sshd && in_tree);
  }
}

// What is needed whatever the command lines will say, while a helper reads those.
void Survey::read_known() {
  for (SurveyEntry& entry : entries_) {
    if (entry.sshd || is_suspect(entry)) read_full(entry.pid, entry.uid, !entry.sshd);
    if (may_be_below(entry)) read_parent(entry);
  }
}

// Whatever lives below a suspect, of the users who have one and of root's, by the parents that stat tells.
std::unordered_set<pid_t> Survey::find_descendants() {
  std::unordered_map<pid_t, std::vector<pid_t>> children;
  std::unordered_set<pid_t> below;
  if (suspects_.empty()) return below;
  for (SurveyEntry& entry : entries_) {
    if (!may_be_below(entry)) continue;
    read_parent(entry);
    if (entry.parent != 0) children[entry.parent].push_back(entry.pid);
  }
  std::vector<pid_t> rest;
  for (const SurveyEntry& entry : entries_)
    if (is_suspect(entry)) rest.push_back(entry.pid);
  while (!rest.empty()) {
    const auto found = children.find(rest.back());
    rest.pop_back();
    if (found == children.end()) continue;
    // Each pid is taken once, so no cycle can hold the walk.
    for (const pid_t child : found->second)
      if (below.insert(child).second) rest.push_back(child);
  }
  return below;
}

void Survey::read_parent(SurveyEntry& entry) {
  if (entry.parent != SurveyEntry::kNotRead) return;
  entry.parent = 0;
  if (const auto known = index_.find(entry.pid); known != index_.end()) {
    entry.parent = out_.processes[known->second].ppid;
    return;
  }
  // What was, or will be, read in full tells there what is wrong.
  const bool tells = !is_suspect(entry) && tried_.count(entry.pid) == 0;
  std::string_view text;
  if (const int error = proc_.read_of(entry.pid, "stat", &text)) {
    if (!tells) return;
    if (is_gone(error))
      ++out_.counts.gone;
    else
      refused("read the process", entry.pid, entry.uid, error);
    return;
  }
  const auto stat = parse_stat(text);
  if (stat && stat->pid == entry.pid)
    entry.parent = stat->ppid;
  else if (tells)
    malformed("read the process", entry.pid);
}

void Survey::read_everything() {
  for (const SurveyEntry& entry : entries_)
    if (entry.sshd || entry.hidden || suspects_.count(entry.uid) != 0)
      read_full(entry.pid, entry.uid, !entry.sshd && suspects_.count(entry.uid) != 0);
  add_root_descendants();
}

void Survey::add_ancestors() {
  // The vector grows while it is walked; each pid is tried once, so no cycle can hold the walk.
  for (std::size_t i = 0; i < out_.processes.size(); ++i) {
    for (int tries = 0; tries < 3; ++tries) {
      const pid_t parent = out_.processes[i].ppid;
      if (parent < 1 || index_.count(parent) != 0) break;
      uid_t owner = 0;
      const bool known = tried_.count(parent) == 0 && proc_.owner(parent, &owner) == 0;
      if (known && read_full(parent, owner, suspects_.count(owner) != 0) == Outcome::kRead) break;
      // The parent ended after its child was read: the child has another one by now.
      Process again;
      int error = 0;
      UniqueFd folder;
      if (proc_.pin(out_.processes[i].id.pid, &folder) != 0) break;
      if (!read_stat(folder.get(), out_.processes[i].id.pid, again, &error)) break;
      if (again.id.start_time != out_.processes[i].id.start_time || again.ppid == parent) break;
      out_.processes[i].ppid = again.ppid;
    }
  }
}

void Survey::add_root_descendants() {
  if (suspects_.empty()) return;
  struct Kin {
    pid_t pid, ppid;
  };
  std::vector<Kin> roots;
  for (const SurveyEntry& entry : entries_) {
    if (entry.uid != 0 || !entry.has_exe || index_.count(entry.pid) != 0) continue;
    std::string_view text;
    if (const int error = proc_.read_of(entry.pid, "stat", &text)) {
      note(error);
      continue;
    }
    if (const auto stat = parse_stat(text)) roots.push_back({entry.pid, stat->ppid});
  }
  std::unordered_set<pid_t> above;
  for (const Process& process : out_.processes)
    if (process.uid != 0) above.insert(process.id.pid);
  // One level of the tree a pass; every pass but the last takes at least one out of the list.
  for (bool found = true; found;) {
    found = false;
    for (Kin& kin : roots) {
      if (kin.pid == 0 || above.count(kin.ppid) == 0) continue;
      read_full(kin.pid, 0, true);
      above.insert(kin.pid);
      kin.pid = 0;
      found = true;
    }
  }
}

}  // namespace reaper
