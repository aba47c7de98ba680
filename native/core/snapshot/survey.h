// The parts of one snapshot, which share what was seen so far. For the snapshot_*.cc files alone.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/killable/argv.h"
#include "core/proc/proc_dir.h"
#include "core/snapshot/snapshot.h"

namespace reaper {

inline constexpr std::size_t kMaxFaults = 100;  // the counts tell about the rest

// What an executable's path tells.
struct ExeKind {
  bool sshd = false, suspect = false;
  bool interpreter = false, kin_interpreter = false;  // what its command line may make a suspect
};

// What the first, cheap look tells of every process of the host.
struct SurveyEntry : ExeKind {
  static constexpr pid_t kNotRead = -1;

  pid_t pid = 0;
  uid_t uid = 0;
  bool has_exe = false, hidden = false;
  pid_t parent = kNotRead;  // 0: not to be had
};

// What one thread's share of that look came to. Everything that it grows has its room beforehand.
struct SurveyShare {
  struct Refusal {
    pid_t pid;
    int error;
    bool exe;  // of the executable's path alone
  };
  std::vector<SurveyEntry> entries;
  std::vector<Refusal> refusals;
  std::uint32_t gone = 0;
  // Of the process before: forks of one program are neighbours.
  std::string exe;
  ExeKind kind;

  void reserve(std::size_t count) {
    entries.reserve(count);
    refusals.reserve(count);
    exe.reserve(4096);  // PATH_MAX
  }
};

// True when the text holds one of the markers.
bool contains_any(std::string_view text, const std::vector<std::string>& markers);

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
  void check_sight();
  void look_at_all(const std::vector<pid_t>& pids);
  bool look_at_halves(const pid_t* begin, const pid_t* end);
  void look_at_some(ProcDir& proc, const pid_t* begin, const pid_t* end, SurveyShare& share) const;
  void look_at_exe(ProcDir& proc, SurveyEntry& entry, SurveyShare& share) const;
  ExeKind kind_of(std::string_view exe) const;
  void add(const SurveyShare& share);
  void find_suspects();
  void ask(const std::vector<SurveyEntry*>& entries, std::function<void()> meanwhile = nullptr);
  void read_users();
  void read_known();
  void read_everything();
  std::unordered_set<pid_t> find_descendants();
  void read_parent(SurveyEntry& entry);
  void add_ancestors();
  void add_root_descendants();
  void read_argv();
  Outcome read_full(pid_t pid, uid_t owner, bool wants_argv);
  bool read_stat(int folder, pid_t pid, Process& process, int* error);
  void read_links(int folder, Process& process);
  void read_rest(int folder, Process& process);

  bool asked(uid_t uid) const { return !options_.uids || uids_.count(uid) != 0; }
  bool is_suspect(const SurveyEntry& entry) const { return entry.suspect && suspects_.count(entry.uid) != 0; }
  bool may_be_below(const SurveyEntry& entry) const {
    return suspects_.count(entry.uid) != 0 || (entry.uid == 0 && entry.has_exe);
  }
  // Only root can look into the processes of others; for anyone else a refusal there is no news.
  bool expects_access(uid_t uid) const { return observer_ == 0 || observer_ == uid; }
  void fault(const char* what, pid_t pid, std::string detail) {
    if (out_.faults.size() < kMaxFaults) out_.faults.push_back({what, pid, std::move(detail)});
  }
  void refused(const char* what, pid_t pid, uid_t uid, int error) {
    refused_as(what, pid, error, expects_access(uid));
  }
  // An ordinary user's ssh-agent, and what PAM left behind to close their session, hide from that user, too.
  // It casts its doubt all the same; but nobody could mend it, so it is not told at each look.
  void refused_exe(pid_t pid, int error) {
    refused_as("read the executable's path", pid, error, observer_ == 0);
  }
  // `news`: whether it is told that access was denied; any other error is.
  void refused_as(const char* what, pid_t pid, int error, bool news);
  // Out of descriptors or memory: any process may be the one that is missed, so the whole look has failed.
  void note(int error) {
    if (is_exhausted(error)) exhausted_ = error;
  }
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
  std::vector<SurveyEntry> entries_;
  std::unordered_set<uid_t> suspects_;
  std::unordered_map<pid_t, std::size_t> index_;  // pid to its place in out_.processes
  std::unordered_set<pid_t> tried_, denied_, malformed_, timed_out_;
  std::vector<std::size_t> wants_argv_;
  int exhausted_ = 0;
  Snapshot out_;
};

}  // namespace reaper
