#include "hook/survivors.h"

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "core/base/fd.h"
#include "core/proc/parse.h"
#include "hook/cgroup_walk.h"
#include "hook/product_of_exe.h"

namespace reaper::hook {
namespace {

constexpr std::string_view kUnknownProduct = "unknown";

struct Member {
  ProcId id;
  pid_t ppid;
  std::string_view product;  // empty: not a server
  int exe_error = 0;         // why the executable is not known
};

// Lists every pid under /proc whose owner, the effective uid (proc(5)), is `uid`.
Result<std::vector<pid_t>> list_owned(const ProcDir& proc, uid_t uid) {
  Result<std::vector<pid_t>> pids = proc.list();
  if (!pids) return pids;
  const auto is_foreign = [&](pid_t pid) {
    uid_t owner = 0;
    return proc.owner(pid, &owner) != 0 || owner != uid;
  };
  std::vector<pid_t>& all = pids.value();
  all.erase(std::remove_if(all.begin(), all.end(), is_foreign), all.end());
  return pids;
}

// Reads a process through its pinned folder, so that a recycled pid cannot mix two processes. Empty: it is
// gone, or runs as another user (a setuid program in the user's cgroup).
Result<std::optional<Member>> read_member(ProcDir& proc, pid_t pid, uid_t uid) {
  const auto unless_gone = [](int error, const char* what) -> Result<std::optional<Member>> {
    if (is_gone(error)) return std::optional<Member>{};
    return Failure{error, what};
  };
  UniqueFd folder;
  if (const int error = proc.pin(pid, &folder); error != 0) return unless_gone(error, "open a process");
  struct stat info{};
  if (fstat(folder.get(), &info) != 0) return unless_gone(errno, "open a process");
  if (info.st_uid != uid) return std::optional<Member>{};
  std::string_view text;
  if (const int error = proc.read(folder.get(), "stat", &text); error != 0)
    return unless_gone(error, "read stat");
  const std::optional<Stat> stat = parse_stat(text);
  if (!stat) return Failure{EBADMSG, "read stat"};
  Member member{{pid, stat->start_time}, stat->ppid, {}, 0};
  // A zombie has no exe, and one too long to read is not a server's.
  const int error = proc.link(folder.get(), "exe", &text);
  if (error == 0) {
    member.product = product_of_exe(text);
  } else if (is_denied(error)) {
    // A tag on a process that turns out to be something else dates nothing: the sweep judges every tree anew.
    member.exe_error = error;
    if (may_be_server(stat->comm)) member.product = kUnknownProduct;
  } else if (!is_gone(error) && error != ENAMETOOLONG) {
    return Failure{error, "read an executable's link"};
  }
  return std::optional<Member>(member);
}

class Table {
 public:
  explicit Table(std::vector<Member> members)
      : members_(std::move(members)), tops_(members_.size(), kUnknown) {}

  // Answers the servers that have no other server above them in an unbroken chain of the user's own
  // processes.
  std::vector<Survivor> roots() {
    std::vector<Survivor> found;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (!members_[i].product.empty() && top_of(i) == i)
        found.push_back({members_[i].id, members_[i].product});
    }
    return found;
  }

 private:
  static constexpr std::size_t kUnknown = static_cast<std::size_t>(-1);
  static constexpr std::size_t kNone = kUnknown - 1;

  std::size_t parent_of(std::size_t child) const {
    const Member& member = members_[child];
    const auto found = std::lower_bound(members_.begin(), members_.end(), member.ppid,
                                        [](const Member& m, pid_t pid) { return m.id.pid < pid; });
    if (found == members_.end() || found->id.pid != member.ppid) return kNone;
    // Younger than its child: another process took the parent's pid between two reads.
    if (found->id.start_time > member.id.start_time) return kNone;
    return static_cast<std::size_t>(found - members_.begin());
  }

  // Remembers every answer on the way, so that the cost of a long chain of servers grows with its length and
  // not with the square of it.
  std::size_t top_of(std::size_t start) {
    std::vector<std::size_t> chain;
    std::size_t top = kNone;
    for (std::size_t i = start; i != kNone; i = parent_of(i)) {
      // The length bound ends a circle, which two reads at different times could draw.
      if (tops_[i] != kUnknown || chain.size() > members_.size()) {
        top = tops_[i] == kUnknown ? kNone : tops_[i];
        break;
      }
      chain.push_back(i);
    }
    for (; !chain.empty(); chain.pop_back()) {
      const std::size_t i = chain.back();
      if (top == kNone && !members_[i].product.empty()) top = i;
      tops_[i] = top;
    }
    return tops_[start];
  }

  std::vector<Member> members_;  // by pid
  std::vector<std::size_t> tops_;
};

std::vector<pid_t> ancestors_of(ProcDir& proc, pid_t pid) {
  constexpr std::size_t kDeepest = 64;
  std::vector<pid_t> line;
  while (pid > 0 && line.size() < kDeepest) {
    line.push_back(pid);
    std::string_view text;
    if (proc.read_of(pid, "stat", &text) != 0) break;
    const std::optional<Stat> stat = parse_stat(text);
    if (!stat) break;
    pid = stat->ppid;
  }
  return line;
}

Failure hidden() { return {EACCES, "/proc hides the user's processes from this program (hidepid)"}; }

void note(SurvivorReport& report, Failure failure) {
  for (const Failure& known : report.faults) {
    if (known.code == failure.code && known.what == failure.what) return;
  }
  report.faults.push_back(std::move(failure));
}

// Whether a process that has no folder in /proc is alive. Signal 0 only asks; no signal is sent.
bool is_hidden(const ProcDir& proc, pid_t pid) {
  uid_t owner = 0;
  if (proc.owner(pid, &owner) != ENOENT || kill(pid, 0) != 0) return false;
  // Checked again: the process may have started between the two calls.
  return proc.owner(pid, &owner) == ENOENT && kill(pid, 0) == 0;
}

std::vector<pid_t> list_candidates(ProcDir& proc, const std::vector<std::string>& slices, uid_t uid,
                                   SurvivorReport& report) {
  for (const std::string& slice : slices) {
    Result<std::vector<pid_t>> pids = list_cgroup(proc, slice, {});
    if (pids) {
      report.by_cgroup = true;
      return pids.take();
    }
  }
  Result<std::vector<pid_t>> pids = list_owned(proc, uid);
  if (!pids) {
    note(report, pids.failure());
    return {};
  }
  return pids.take();
}

}  // namespace

SurvivorReport find_survivors(ProcDir& proc, const std::vector<std::string>& slices, uid_t uid, pid_t self) {
  SurvivorReport report;
  const std::vector<pid_t> own = ancestors_of(proc, self);
  std::vector<Member> members;  // by pid, as the candidates are
  for (const pid_t pid : list_candidates(proc, slices, uid, report)) {
    if (std::find(own.begin(), own.end(), pid) != own.end()) continue;
    const Result<std::optional<Member>> member = read_member(proc, pid, uid);
    if (!member) {
      note(report, member.failure());
    } else if (member.value()) {
      members.push_back(*member.value());
      if (const int error = member.value()->exe_error; error != 0) {
        ++report.unreadable;
        report.unreadable_error = error;
      }
    } else if (report.by_cgroup && is_hidden(proc, pid)) {
      note(report, hidden());
    }
  }
  // A list of /proc leaves out what it hides. A first process with CAP_SYS_PTRACE is hidden from a program
  // that lacks it, as is every user's process.
  if (!report.by_cgroup && is_hidden(proc, 1)) note(report, hidden());
  report.processes = static_cast<unsigned>(members.size());
  report.roots = Table(std::move(members)).roots();
  return report;
}

}  // namespace reaper::hook
