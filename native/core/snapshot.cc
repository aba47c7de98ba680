#include "core/snapshot.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/argv_reader.h"
#include "core/parse.h"
#include "core/proc_dir.h"

namespace reaper {
namespace {

constexpr std::size_t kMaxFaults = 100;  // the counts tell about the rest

// What the first, cheap look tells of every process of the host.
struct Entry {
  pid_t pid;
  uid_t uid;
  bool sshd = false, interpreter = false, suspect = false, has_exe = false, hidden = false;
};

class Survey {
 public:
  Survey(const SnapshotOptions& options, ProcDir proc)
      : options_(options),
        proc_(std::move(proc)),
        argv_(proc_.fd(), options.argv_timeout_ms, options.argv_budget_ms),
        uids_(options.uids ? std::unordered_set<uid_t>(options.uids->begin(), options.uids->end())
                           : std::unordered_set<uid_t>()),
        observer_(geteuid()) {}

  Result<Snapshot> run();

 private:
  enum class Outcome { kRead, kGone, kLeftOut };

  std::optional<Failure> read_host();
  void look_at_all(const std::vector<pid_t>& pids);
  void look_at_exe(Entry& entry);
  void find_suspects();
  void read_users();
  void add_ancestors();
  void add_root_descendants();
  void read_argv();
  Outcome read_full(pid_t pid, uid_t owner, bool wants_argv);
  bool read_stat(int folder, pid_t pid, Process& process, int* error);
  void read_links(int folder, Process& process);
  void read_rest(int folder, Process& process);

  bool asked(uid_t uid) const { return !options_.uids || uids_.count(uid) != 0; }
  // Only root can look into the processes of others; for anyone else a refusal there is no news.
  bool expects_access(uid_t uid) const { return observer_ == 0 || observer_ == uid; }
  void fault(const char* what, pid_t pid, std::string detail) {
    if (out_.faults.size() < kMaxFaults) out_.faults.push_back({what, pid, std::move(detail)});
  }
  void refused(const char* what, pid_t pid, uid_t uid, int error);
  void malformed(const char* what, pid_t pid) {
    if (malformed_.insert(pid).second) ++out_.counts.malformed;
    fault(what, pid, "not in the form that the kernel writes");
  }
  void no_argv(pid_t pid, uid_t uid) {
    if (denied_.insert(pid).second) ++out_.counts.denied;
    if (expects_access(uid)) fault("read the command line", pid, "could not be read");
  }
  void timed_out(pid_t pid) {
    if (!timed_out_.insert(pid).second) return;
    ++out_.counts.timed_out;
    fault("read the command line", pid, "no answer in time");
  }

  const SnapshotOptions& options_;
  ProcDir proc_;
  ArgvReader argv_;
  std::unordered_set<uid_t> uids_;
  uid_t observer_;
  std::string own_user_ns_, own_pid_ns_;
  std::vector<Entry> entries_;
  std::unordered_set<uid_t> suspects_;
  std::unordered_map<pid_t, std::size_t> index_;  // pid to its place in out_.processes
  std::unordered_set<pid_t> tried_, denied_, malformed_, timed_out_;
  std::vector<std::size_t> wants_argv_;
  Snapshot out_;
};

bool contains_any(std::string_view text, const std::vector<std::string>& markers) {
  return std::any_of(markers.begin(), markers.end(), [text](const std::string& marker) {
    return text.find(marker) != std::string_view::npos;
  });
}

bool is_one_of(std::string_view name, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void Survey::refused(const char* what, pid_t pid, uid_t uid, int error) {
  if (is_denied(error) && denied_.insert(pid).second) ++out_.counts.denied;
  if (!is_denied(error) || expects_access(uid)) fault(what, pid, error_text(error));
}

std::optional<Failure> Survey::read_host() {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  out_.taken_at_ms = static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
  out_.ticks_per_second = sysconf(_SC_CLK_TCK);

  std::string_view text;
  if (const int error = proc_.read(proc_.fd(), "sys/kernel/random/boot_id", &text))
    return Failure{error, "read " + options_.proc_root + "/sys/kernel/random/boot_id"};
  out_.boot_id = std::string(text.substr(0, text.find('\n')));
  if (out_.boot_id.empty() || out_.boot_id.size() > 64) return Failure{EBADMSG, "parse the boot id"};

  if (options_.proc_root == "/proc") {
    if (clock_gettime(CLOCK_BOOTTIME, &now) != 0) return Failure{errno, "read CLOCK_BOOTTIME"};
    out_.uptime_ms = static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
  } else {
    if (const int error = proc_.read(proc_.fd(), "uptime", &text))
      return Failure{error, "read " + options_.proc_root + "/uptime"};
    const auto uptime = parse_uptime_ms(text);
    if (!uptime) return Failure{EBADMSG, "parse " + options_.proc_root + "/uptime"};
    out_.uptime_ms = *uptime;
  }
  if (proc_.link(proc_.fd(), "self/ns/user", &text) == 0) own_user_ns_ = std::string(text);
  if (proc_.link(proc_.fd(), "self/ns/pid", &text) == 0) own_pid_ns_ = std::string(text);
  return std::nullopt;
}

void Survey::look_at_all(const std::vector<pid_t>& pids) {
  out_.counts.listed = static_cast<std::uint32_t>(pids.size());
  entries_.reserve(pids.size());
  for (const pid_t pid : pids) {
    Entry entry{pid, 0};
    if (const int error = proc_.owner(pid, &entry.uid)) {
      if (is_gone(error))
        ++out_.counts.gone;
      else
        refused("look at the process", pid, 0, error);
      continue;
    }
    look_at_exe(entry);
    entries_.push_back(entry);
  }
}

void Survey::look_at_exe(Entry& entry) {
  std::string_view exe;
  if (const int error = proc_.link_of(entry.pid, "exe", &exe)) {
    // A kernel thread, a zombie, or gone: the same answer, told apart by whoever reads more.
    if (is_gone(error)) return;
    // Some hosts guard pid 1 from root itself; it is nobody's server and no session's ssh server.
    if (entry.pid == 1) return;
    refused("read the executable's path", entry.pid, entry.uid, error);
    // Unknown is neither "no suspect" nor "no ssh server", where it should have been readable.
    entry.hidden = expects_access(entry.uid);
    entry.suspect = entry.hidden && entry.uid != 0;
    return;
  }
  entry.has_exe = true;
  const std::string_view name = exe_basename(exe);
  entry.sshd = is_one_of(name, options_.sshd_names);
  if (!asked(entry.uid)) return;
  entry.suspect = contains_any(exe, options_.exe_markers);
  entry.interpreter = !entry.suspect && (is_one_of(name, options_.interpreters) ||
                                         is_one_of(without_version(name), options_.interpreters));
}

void Survey::find_suspects() {
  if (options_.full)
    for (const Entry& entry : entries_)
      if (asked(entry.uid)) suspects_.insert(entry.uid);
  for (const Entry& entry : entries_)
    if (entry.suspect && asked(entry.uid)) suspects_.insert(entry.uid);

  std::vector<ArgvRequest> requests;
  for (const Entry& entry : entries_)
    if (entry.interpreter && suspects_.count(entry.uid) == 0) requests.push_back({entry.pid, entry.uid});
  const std::vector<ArgvResult> results = argv_.read(requests, &out_.faults);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const ArgvResult& result = results[i];
    if (result.status == ArgvStatus::kGone) continue;
    if (result.status == ArgvStatus::kTimeout) timed_out(requests[i].pid);
    if (result.status == ArgvStatus::kDenied) no_argv(requests[i].pid, requests[i].uid);
    // A line that was refused, hidden, cut or never came is not a "no": its user is looked at in full.
    bool suspect = result.status != ArgvStatus::kRead || result.truncated;
    if (!suspect) {
      std::string line;
      for (const std::string& argument : result.argv) line += argument + ' ';
      suspect = contains_any(line, options_.argv_markers);
    }
    if (suspect) suspects_.insert(requests[i].uid);
  }
}

bool Survey::read_stat(int folder, pid_t pid, Process& process, int* error) {
  std::string_view text;
  *error = proc_.read(folder, "stat", &text);
  if (*error != 0) return false;
  const auto stat = parse_stat(text);
  if (!stat || stat->pid != pid) return false;
  static const std::int64_t kPageKib = sysconf(_SC_PAGESIZE) / 1024;
  process.id = {pid, stat->start_time};
  process.ppid = stat->ppid;
  process.pgid = stat->pgid;
  process.sid = stat->sid;
  process.tty = stat->tty;
  process.state = stat->state;
  process.threads = stat->threads;
  process.rss_kib = stat->rss_pages * kPageKib;
  process.comm = std::string(stat->comm);
  return true;
}

void Survey::read_links(int folder, Process& process) {
  std::string_view target;
  const int error = proc_.link(folder, "exe", &target);
  if (error == 0)
    process.exe = std::string(target);
  else if (!is_gone(error) && process.id.pid != 1 && denied_.count(process.id.pid) == 0)
    refused("read the executable's path", process.id.pid, process.uid, error);
  if (!own_user_ns_.empty() && proc_.link(folder, "ns/user", &target) == 0)
    process.foreign_user_ns = target != own_user_ns_;
  if (!own_pid_ns_.empty() && proc_.link(folder, "ns/pid", &target) == 0)
    process.foreign_pid_ns = target != own_pid_ns_;
}

void Survey::read_rest(int folder, Process& process) {
  const pid_t pid = process.id.pid;
  std::string_view text;
  if (const int error = proc_.read(folder, "status", &text)) {
    if (!is_gone(error)) refused("read the status", pid, process.uid, error);
  } else if (process.uids = parse_status_uids(text); !process.uids) {
    malformed("read the status", pid);
  } else {
    process.uid = (*process.uids)[1];
  }
  // Absent in a kernel without cgroups or without audit: no fault.
  if (const int error = proc_.read(folder, "cgroup", &text)) {
    if (is_gone(error))
      process.cgroups.emplace();
    else
      refused("read the cgroups", pid, process.uid, error);
  } else if (auto paths = parse_cgroups(text)) {
    process.cgroups = std::move(*paths);
  } else {
    malformed("read the cgroups", pid);
  }
  const auto read_id = [&](const char* file, std::optional<std::uint32_t>& field) {
    if (const int error = proc_.read(folder, file, &text)) {
      if (!is_gone(error)) refused("read the audit session", pid, process.uid, error);
    } else if (field = parse_id(text); !field) {
      malformed("read the audit session", pid);
    } else if (*field == kUnsetId) {
      field.reset();
    }
  };
  read_id("loginuid", process.login_uid);
  read_id("sessionid", process.audit_session);
}

// The folder is opened first, so everything read below it is of one process, or fails.
Survey::Outcome Survey::read_full(pid_t pid, uid_t owner, bool wants_argv) {
  tried_.insert(pid);
  UniqueFd folder;
  Process process;
  process.uid = owner;
  int error = proc_.pin(pid, &folder);
  if (error == 0 && !read_stat(folder.get(), pid, process, &error) && error == 0) {
    malformed("read the process", pid);
    return Outcome::kLeftOut;
  }
  if (error != 0) {
    if (!is_gone(error)) {
      refused("read the process", pid, owner, error);
      return Outcome::kLeftOut;
    }
    ++out_.counts.gone;
    return Outcome::kGone;
  }
  read_rest(folder.get(), process);
  read_links(folder.get(), process);
  index_[pid] = out_.processes.size();
  if (wants_argv) wants_argv_.push_back(out_.processes.size());
  out_.processes.push_back(std::move(process));
  return Outcome::kRead;
}

void Survey::read_users() {
  for (const Entry& entry : entries_)
    if (entry.sshd || entry.hidden || suspects_.count(entry.uid) != 0)
      read_full(entry.pid, entry.uid, !entry.sshd && suspects_.count(entry.uid) != 0);
}

void Survey::add_ancestors() {
  // The vector grows while it is walked; each pid is tried once, so no cycle can hold the walk.
  for (std::size_t i = 0; i < out_.processes.size(); ++i) {
    for (int tries = 0; tries < 3; ++tries) {
      const pid_t parent = out_.processes[i].ppid;
      if (parent < 1 || index_.count(parent) != 0) break;
      uid_t owner = 0;
      const bool known = tried_.count(parent) == 0 && proc_.owner(parent, &owner) == 0;
      if (known && read_full(parent, owner, false) == Outcome::kRead) break;
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
  for (const Entry& entry : entries_) {
    if (entry.uid != 0 || !entry.has_exe || index_.count(entry.pid) != 0) continue;
    std::string_view text;
    if (proc_.read_of(entry.pid, "stat", &text) != 0) continue;
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

void Survey::read_argv() {
  std::vector<ArgvRequest> requests;
  for (const std::size_t i : wants_argv_)
    requests.push_back({out_.processes[i].id.pid, out_.processes[i].uid});
  std::vector<ArgvResult> results = argv_.read(requests, &out_.faults);
  std::unordered_set<pid_t> lost;
  for (std::size_t k = 0; k < results.size(); ++k) {
    Process& process = out_.processes[wants_argv_[k]];
    const pid_t pid = process.id.pid;
    process.argv_status = results[k].status;
    process.argv_truncated = results[k].truncated;
    process.argv = std::move(results[k].argv);
    if (process.argv_status == ArgvStatus::kTimeout) timed_out(pid);
    if (process.argv_status == ArgvStatus::kDenied) no_argv(pid, process.uid);
    // The command line was read by pid alone: it counts only if the pid is still the same process.
    std::string_view text;
    const int error = proc_.read_of(pid, "stat", &text);
    const auto stat = error == 0 ? parse_stat(text) : std::nullopt;
    if (is_gone(error) || (stat && stat->start_time != process.id.start_time)) lost.insert(pid);
  }
  out_.counts.gone += static_cast<std::uint32_t>(lost.size());
  const auto is_lost = [&lost](const Process& process) { return lost.count(process.id.pid) != 0; };
  out_.processes.erase(std::remove_if(out_.processes.begin(), out_.processes.end(), is_lost),
                       out_.processes.end());
}

Result<Snapshot> Survey::run() {
  if (auto failure = read_host()) return *failure;
  auto pids = proc_.list();
  if (!pids) return pids.failure();
  look_at_all(pids.value());
  find_suspects();
  read_users();
  add_root_descendants();
  add_ancestors();
  read_argv();
  out_.counts.read = static_cast<std::uint32_t>(out_.processes.size());
  return std::move(out_);
}

}  // namespace

Result<Snapshot> take_snapshot(const SnapshotOptions& options) {
  auto proc = ProcDir::open(options.proc_root);
  if (!proc) return proc.failure();
  return Survey(options, proc.take()).run();
}

}  // namespace reaper
