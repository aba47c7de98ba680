#include "core/killable/reader.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/proc/parse.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

// A user may keep the reader waiting for this many timeouts; then their other processes are not read.
constexpr int kStallsPerUser = 3;
// Checks per timeout, and the progress between two checks below which the time counts as waiting.
constexpr int kChecks = 4;
constexpr std::uint32_t kProgressPerCheck = 16;
// How many times the budget all reads may take on a loaded host.
constexpr std::int64_t kLoad = 10;

std::mutex g_left_behind_mutex;
std::vector<pid_t> g_left_behind;

[[noreturn]] void run_helper(int proc_fd, int alive_fd, pid_t parent, const std::function<void()>& work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // the parent died before the line above
  // Guard: a helper that cannot die must not keep the sweep's lock, log or standard output open.
  const int proc = fcntl(proc_fd, F_DUPFD, 3), alive = fcntl(alive_fd, F_DUPFD, 3);
  if (dup2(proc, 0) != 0 || dup2(alive, 1) != 1 || fchdir(0) != 0) _exit(1);
  if (syscall(436 /* close_range, Linux 5.9 */, 2U, ~0U, 0) != 0)
    for (int fd = 2; fd < 4096; ++fd) close(fd);
  work();
  _exit(0);
}

// Waits for this one process only: libuv has children of its own.
bool is_collected(pid_t helper) {
  return waitpid(helper, nullptr, WNOHANG) != 0;  // -1: the kernel has collected it
}

// Forks a helper that does `work` in the proc root: async-signal-safe calls only, for threads of the parent
// (Node) may hold any lock. It holds alive_fd until it ends, and no other descriptor of this program. Returns
// its pid, or a negative errno.
pid_t start_helper(int proc_fd, int alive_fd, const std::function<void()>& work) {
  const pid_t parent = getpid();
  // Every signal is blocked, so the helper never runs a handler of Node, which would write into Node's pipes.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t helper = fork();
  if (helper == 0) run_helper(proc_fd, alive_fd, parent, work);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return helper < 0 ? -error : helper;
}

// One that is blocked in the kernel dies when its read ends; later calls of collect_helpers collect it.
void end_helper(pid_t helper) {
  // Guard: where SIGCHLD is ignored the kernel collects the child, and its pid may be another process's.
  if (is_collected(helper)) return;
  kill(helper, SIGKILL);
  for (int tries = 0; tries < 100; ++tries) {
    if (is_collected(helper)) return;
    const struct timespec nap = {0, 200 * 1000};
    nanosleep(&nap, nullptr);
  }
  const std::lock_guard<std::mutex> guard(g_left_behind_mutex);
  g_left_behind.push_back(helper);
}

void collect_helpers() {
  const std::lock_guard<std::mutex> guard(g_left_behind_mutex);
  g_left_behind.erase(std::remove_if(g_left_behind.begin(), g_left_behind.end(), is_collected),
                      g_left_behind.end());
}

// Whether the helper waits for a processor: it could run and has not run since the last look. One that a file
// keeps is blocked, or runs in the kernel.
bool has_no_processor(pid_t helper, std::uint64_t* cpu_ticks) {
  char text[512];
  // The helper is this program's own child, wherever the proc root is.
  const UniqueFd fd(open(("/proc/" + std::to_string(helper) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t got = fd.valid() ? ::read(fd.get(), text, sizeof text) : -1;
  const auto stat = parse_stat(std::string_view(text, got > 0 ? static_cast<std::size_t>(got) : 0));
  return stat && stat->state == 'R' && std::exchange(*cpu_ticks, stat->cpu_ticks) == stat->cpu_ticks;
}

}  // namespace

int read_in_helper(const char* path, std::size_t piece, char* to, std::size_t room, std::size_t* size) {
  const UniqueFd fd(open(path, O_RDONLY | O_NOFOLLOW));
  if (!fd.valid()) return errno;
  while (*size < room) {
    const std::size_t asked = std::min(piece, room - *size);
    const ssize_t got = read(fd.get(), to + *size, asked);
    if (got < 0) return errno;  // never EINTR: every signal is blocked
    *size += static_cast<std::size_t>(got);
    if (static_cast<std::size_t>(got) < asked) break;
  }
  return 0;
}

// A request that has no answer yet.
struct MemoryReader::Waiting {
  std::size_t place;  // among the requests
  std::size_t turn;   // how many of the same account come before it
  const std::string* path;
  Account* account;  // an element of the map, which stays where it is
};

MemoryReader::MemoryReader(MemoryFile file, int proc_fd, int timeout_ms, int budget_ms)
    : file_(file),
      proc_fd_(proc_fd),
      timeout_ms_(std::max(timeout_ms, kChecks)),
      budget_ms_(std::max(budget_ms, 0)),
      loaded_ms_(budget_ms_ * kLoad) {}

void MemoryReader::read(const std::vector<MemoryRequest>& requests, const OnAnswer& on_answer,
                        std::vector<Fault>* faults) {
  collect_helpers();
  std::vector<Waiting> waiting;
  std::unordered_map<Account*, std::size_t> asked;
  for (const MemoryRequest& request : requests) {
    Account& account = accounts_.emplace(request.account, Account{file_.user_budget}).first->second;
    waiting.push_back({waiting.size(), asked[&account]++, &request.path, &account});
  }
  std::stable_sort(waiting.begin(), waiting.end(),
                   [](const Waiting& a, const Waiting& b) { return a.turn < b.turn; });
  void* shared = mmap(nullptr, sizeof(MemoryArena), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  const auto unmap = [](MemoryArena* mapped) { munmap(mapped, sizeof *mapped); };
  const std::unique_ptr<MemoryArena, decltype(unmap)> arena(
      shared == MAP_FAILED ? nullptr : new (shared) MemoryArena, unmap);
  while (budget_ms_ > 0 && loaded_ms_ > 0) {
    const auto hopeless = [this](const Waiting& one) { return is_hopeless(one); };
    waiting.erase(std::remove_if(waiting.begin(), waiting.end(), hopeless), waiting.end());
    if (waiting.empty()) return;
    const auto failure = arena ? serve(waiting, *arena, on_answer) : Failure{ENOMEM, "mmap"};
    if (!failure) continue;
    faults->push_back({file_.fault, 0, failure->what + ": " + error_text(failure->code)});
    for (const Waiting& one : waiting) on_answer(one.place, EIO, {});
    return;
  }
}

// Starts one helper, which reads until it ends, stalls or the time is spent, and hands over what it read.
std::optional<Failure> MemoryReader::serve(std::vector<Waiting>& waiting, MemoryArena& arena,
                                           const OnAnswer& on_answer) {
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return Failure{errno, "pipe2"};
  const UniqueFd ended(pipe_fds[0]);
  UniqueFd alive(pipe_fds[1]);
  const auto count = static_cast<std::uint32_t>(std::min(waiting.size(), kMemorySlots));
  arena.done.store(0, std::memory_order_relaxed);
  const pid_t helper = start_helper(proc_fd_, alive.get(), [&] { fill(waiting.data(), count, arena); });
  if (helper < 0) return Failure{-helper, "fork"};
  alive.reset();

  const std::int64_t start = now_ms();
  std::int64_t spent = 1;  // so that no progress at all ends some time
  const End end = watch(waiting.data(), count, arena, ended.get(), helper, &spent);
  end_helper(helper);
  budget_ms_ -= spent;
  loaded_ms_ -= now_ms() - start;
  // Guard: the helper reads hostile input, so what it says is checked.
  const std::uint32_t done = std::min(arena.done.load(std::memory_order_acquire), count);
  for (std::uint32_t i = 0; i < done; ++i) {
    const MemorySlot slot = arena.slots[i];
    const bool sound = slot.offset <= kMemoryBytes && slot.length <= kMemoryBytes - slot.offset;
    waiting[i].account->left -= std::min(waiting[i].account->left, slot.cost);
    on_answer(waiting[i].place, sound ? slot.error : EIO,
              std::string_view(arena.bytes + (sound ? slot.offset : 0), sound ? slot.length : 0));
  }
  if (end == End::kStalled && done < count) stalled_.insert(*waiting[done].path);
  waiting.erase(waiting.begin(), waiting.begin() + done);
  if (done == 0 && end == End::kHelperEnded) return Failure{ECHILD, "the helper ended early"};
  return std::nullopt;
}

// In the helper: async-signal-safe calls only. What it changes of the accounts stays in its copy of them.
void MemoryReader::fill(const Waiting* waiting, std::uint32_t count, MemoryArena& arena) const {
  std::size_t used = 0;
  for (std::uint32_t i = 0; i < count && used + file_.most <= kMemoryBytes; ++i) {
    std::uint64_t& left = waiting[i].account->left;
    HelperAnswer answer;
    const int error =
        left == 0 ? EDQUOT : file_.read(waiting[i].path->c_str(), file_, arena.bytes + used, &answer);
    arena.slots[i] = {error, static_cast<std::uint32_t>(used), answer.length, answer.cost};
    left -= std::min(left, answer.cost);
    used += answer.length;
    arena.done.store(i + 1, std::memory_order_release);
  }
}

// Waits for the helper. Its pipe shows its end, the shared counter its progress.
MemoryReader::End MemoryReader::watch(const Waiting* waiting, std::uint32_t count, const MemoryArena& arena,
                                      int ended_fd, pid_t helper, std::int64_t* spent) const {
  const std::int64_t start = now_ms();
  std::int64_t silent = 0, last_check = start;
  std::uint64_t cpu_ticks = 0;
  std::uint32_t seen = 0;
  for (;;) {
    struct pollfd pipe = {ended_fd, POLLIN, 0};
    const bool has_ended = poll(&pipe, 1, timeout_ms_ / kChecks) > 0;
    const std::int64_t now = now_ms(), since_check = now - std::exchange(last_check, now);
    // Guard: on a loaded host the helper waits for a processor, and no user pays for that wait.
    const std::int64_t passed = has_no_processor(helper, &cpu_ticks) ? 0 : since_check;
    *spent += passed;
    if (has_ended) return End::kHelperEnded;
    const std::uint32_t done = arena.done.load(std::memory_order_acquire);
    const std::uint32_t progress = done - std::exchange(seen, done);
    if (done >= count) return End::kAllRead;
    if (*spent >= budget_ms_ || now - start >= loaded_ms_) return End::kTimeSpent;
    silent = progress == 0 ? silent + passed : 0;
    if (progress >= kProgressPerCheck) continue;
    waiting[done].account->waited_ms += passed;
    if (silent >= timeout_ms_ || is_hopeless(waiting[done])) return End::kStalled;
  }
}

// Guard: a file that stalled once would stall again, and one user must not use up the time of others.
bool MemoryReader::is_hopeless(const Waiting& one) const {
  return one.account->waited_ms >= std::int64_t{timeout_ms_} * kStallsPerUser ||
         stalled_.count(*one.path) != 0;
}

}  // namespace reaper
