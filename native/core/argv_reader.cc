#include "core/argv_reader.h"

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
#include <mutex>
#include <new>

#include "core/fd.h"
#include "core/parse.h"
#include "core/proc_dir.h"

namespace reaper {
namespace {

// What the helper and its parent share. The helper fills slots in order and counts them in `done`; the bytes
// go one after the other into `bytes`. A full arena ends the helper, and a new one goes on.
struct Slot {
  int error;
  std::uint32_t offset, length;
};
constexpr std::size_t kSlots = 4096;
constexpr std::size_t kArenaBytes = std::size_t{4} * 1024 * 1024;
struct Arena {
  std::atomic<std::uint32_t> done;
  pid_t pids[kSlots];
  Slot slots[kSlots];
  char bytes[kArenaBytes];
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free, "shared between processes");

// A user may keep the readers waiting for this many timeouts; the rest of their processes is then not asked.
constexpr int kStallsPerUser = 3;
// Checks per timeout, and the least progress between two checks that does not count as waiting.
constexpr int kChecks = 4;
constexpr std::uint32_t kBrisk = 16;

std::int64_t now_ms() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

// ---- In the helper: async-signal-safe calls only, for the parent (Node) has threads that may hold any lock.

void close_from(unsigned first) {
  if (syscall(436 /* close_range, Linux 5.9 */, first, ~0U, 0) == 0) return;
  for (int fd = static_cast<int>(first); fd < 4096; ++fd) close(fd);
}

void cmdline_path(pid_t pid, char* path) {
  char digits[12];
  int count = 0;
  for (pid_t rest = pid; rest > 0; rest /= 10) digits[count++] = static_cast<char>('0' + rest % 10);
  while (count > 0) *path++ = digits[--count];
  for (const char* name = "/cmdline"; (*path++ = *name++) != '\0';) continue;
}

int read_one(int proc_fd, pid_t pid, char* to, std::uint32_t* length) {
  char path[32];
  cmdline_path(pid, path);
  const int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return errno;
  std::size_t size = 0;
  int error = 0;
  while (size <= kArgvBytes) {  // one byte more than is kept tells that there was more
    const ssize_t got = read(fd, to + size, kArgvBytes + 1 - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  close(fd);
  *length = static_cast<std::uint32_t>(size);
  return error;
}

[[noreturn]] void run_helper(int proc_fd, int alive_fd, pid_t parent, Arena* arena, std::uint32_t count) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // the parent died before the line above
  // A helper that cannot die must not keep the sweep's lock, log or standard output open.
  const int proc = fcntl(proc_fd, F_DUPFD, 3), alive = fcntl(alive_fd, F_DUPFD, 3);
  if (proc < 0 || alive < 0 || dup2(proc, 0) != 0 || dup2(alive, 1) != 1) _exit(1);
  close_from(2);
  std::size_t used = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (used + kArgvBytes + 1 > kArenaBytes) break;
    Slot& slot = arena->slots[i];
    slot.offset = static_cast<std::uint32_t>(used);
    slot.error = read_one(0, arena->pids[i], arena->bytes + used, &slot.length);
    used += slot.length;
    arena->done.store(i + 1, std::memory_order_release);
  }
  _exit(0);
}

// ---- In the parent.

// Helpers that did not die at once: one blocked in the kernel dies when its read ends. Reaped by later calls.
std::mutex g_left_behind_mutex;
std::vector<pid_t> g_left_behind;

// waitpid on this one process only: the host program (libuv) has children of its own.
bool reaped(pid_t helper) {
  const pid_t got = waitpid(helper, nullptr, WNOHANG);
  return got == helper || (got < 0 && errno == ECHILD);
}

void reap_left_behind() {
  const std::lock_guard<std::mutex> guard(g_left_behind_mutex);
  g_left_behind.erase(std::remove_if(g_left_behind.begin(), g_left_behind.end(), reaped),
                      g_left_behind.end());
}

void end_helper(pid_t helper) {
  // Asked first: a host that ignores SIGCHLD has its children reaped by the kernel, and the pid may be
  // another's.
  if (reaped(helper)) return;
  kill(helper, SIGKILL);
  for (int tries = 0; tries < 100; ++tries) {
    if (reaped(helper)) return;
    const struct timespec nap = {0, 200 * 1000};
    nanosleep(&nap, nullptr);
  }
  const std::lock_guard<std::mutex> guard(g_left_behind_mutex);
  g_left_behind.push_back(helper);
}

pid_t start_helper(int proc_fd, int alive_fd, Arena* arena, std::uint32_t count) {
  const pid_t parent = getpid();
  // With every signal blocked the helper never runs a handler of the host program, which would write into
  // that program's pipes.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t helper = fork();
  if (helper == 0) run_helper(proc_fd, alive_fd, parent, arena, count);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return helper;
}

struct ArenaOwner {
  Arena* arena = nullptr;
  ArenaOwner() {
    void* memory = mmap(nullptr, sizeof(Arena), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) arena = new (memory) Arena;
  }
  ArenaOwner(const ArenaOwner&) = delete;
  ArenaOwner& operator=(const ArenaOwner&) = delete;
  ~ArenaOwner() {
    if (arena != nullptr) munmap(arena, sizeof(Arena));
  }
};

ArgvResult result_of(int error, std::string_view text) {
  ArgvResult result;
  if (error != 0) {
    result.status = is_gone(error) ? ArgvStatus::kGone : ArgvStatus::kDenied;
    return result;
  }
  result.status = text.empty() ? ArgvStatus::kEmpty : ArgvStatus::kRead;
  result.truncated = text.size() > kArgvBytes;
  // An argument that is cut may be the start of another one: only whole ones are kept.
  if (result.truncated) text = text.substr(0, text.substr(0, kArgvBytes).rfind('\0') + 1);
  result.argv = split_argv(text);
  if (result.argv.size() > kArgvElements) {
    result.argv.resize(kArgvElements);
    result.truncated = true;
  }
  return result;
}

}  // namespace

struct ArgvReader::Batch {
  const std::vector<ArgvRequest>& requests;
  std::vector<ArgvResult>& results;
  std::vector<Fault>* faults;
  std::vector<std::size_t> waiting;  // indices of requests, in order
  Arena* arena;
};

ArgvReader::ArgvReader(int proc_fd, int timeout_ms, int budget_ms)
    : proc_fd_(proc_fd), timeout_ms_(std::max(timeout_ms, kChecks)), budget_ms_(std::max(budget_ms, 0)) {}

bool ArgvReader::exhausted(uid_t uid) const {
  const auto waited = waited_ms_.find(uid);
  return waited != waited_ms_.end() &&
         waited->second >= static_cast<std::int64_t>(timeout_ms_) * kStallsPerUser;
}

std::vector<ArgvResult> ArgvReader::read(const std::vector<ArgvRequest>& requests,
                                         std::vector<Fault>* faults) {
  reap_left_behind();
  std::vector<ArgvResult> results(requests.size());
  Batch batch{requests, results, faults, {}, nullptr};
  for (std::size_t i = 0; i < requests.size(); ++i) batch.waiting.push_back(i);
  if (batch.waiting.empty()) return results;
  const ArenaOwner owner;
  batch.arena = owner.arena;
  while (!batch.waiting.empty() && budget_ms_ > 0) {
    // Who stalled before would stall again, and one user must not use up the time of the others.
    batch.waiting.erase(std::remove_if(batch.waiting.begin(), batch.waiting.end(),
                                       [&](std::size_t i) {
                                         return exhausted(requests[i].uid) ||
                                                stalled_.count(requests[i].pid) != 0;
                                       }),
                        batch.waiting.end());
    if (!batch.waiting.empty()) serve(batch);
  }
  return results;
}

// One helper: as many of the waiting as it can serve until it ends, stalls or the budget is spent.
void ArgvReader::serve(Batch& batch) {
  const auto give_up = [&batch](int error, const char* what) {
    batch.faults->push_back({"read command lines", 0, std::string(what) + ": " + error_text(error)});
    for (const std::size_t i : batch.waiting) batch.results[i].status = ArgvStatus::kDenied;
    batch.waiting.clear();
  };
  int pipe_fds[2];
  if (batch.arena == nullptr) return give_up(ENOMEM, "mmap");
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return give_up(errno, "pipe2");
  const UniqueFd ended(pipe_fds[0]);
  UniqueFd alive(pipe_fds[1]);
  Arena* arena = batch.arena;
  const auto count = static_cast<std::uint32_t>(std::min(batch.waiting.size(), kSlots));
  arena->done.store(0, std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < count; ++i) arena->pids[i] = batch.requests[batch.waiting[i]].pid;

  const std::int64_t start = now_ms();
  const pid_t helper = start_helper(proc_fd_, alive.get(), arena, count);
  if (helper < 0) return give_up(errno, "fork");
  alive.reset();

  std::uint32_t seen = 0;
  std::int64_t progress_at = start;
  bool stalled = false, over = false, ended_itself = false;
  while (!over && !stalled) {
    struct pollfd watch = {ended.get(), POLLIN, 0};
    const std::int64_t before = now_ms();
    // The pipe tells the end of the helper; the shared counter tells its progress.
    ended_itself = poll(&watch, 1, timeout_ms_ / kChecks) > 0;
    const std::int64_t now = now_ms();
    const std::uint32_t done = arena->done.load(std::memory_order_acquire);
    over = ended_itself || done >= count || now - start >= budget_ms_;
    if (over) break;
    if (done != seen) progress_at = now;
    if (done - seen < kBrisk) {
      const uid_t uid = batch.requests[batch.waiting[done]].uid;
      waited_ms_[uid] += now - before;
      stalled = now - progress_at >= timeout_ms_ || exhausted(uid);
    }
    seen = done;
  }
  end_helper(helper);
  budget_ms_ -= std::max<std::int64_t>(now_ms() - start, 1);  // no progress at all still ends some time

  const std::uint32_t done = std::min(arena->done.load(std::memory_order_acquire), count);
  if (done == 0 && ended_itself) return give_up(ECHILD, "the helper ended early");
  for (std::uint32_t i = 0; i < done; ++i) {
    // The helper is not trusted: its slot is checked before its bytes are touched.
    const Slot slot = arena->slots[i];
    const bool sound = slot.offset <= kArenaBytes && slot.length <= kArenaBytes - slot.offset;
    const std::string_view text(arena->bytes + (sound ? slot.offset : 0), sound ? slot.length : 0);
    batch.results[batch.waiting[i]] = result_of(sound ? slot.error : EIO, text);
  }
  batch.waiting.erase(batch.waiting.begin(), batch.waiting.begin() + done);
  // Its result stays kTimeout; the next round drops it.
  if (stalled && done < count) stalled_.insert(batch.requests[batch.waiting.front()].pid);
}

}  // namespace reaper
