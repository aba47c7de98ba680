#include "core/killable/reader.h"

#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/fd.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

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

}  // namespace

struct MemoryReader::Batch {
  const std::vector<MemoryRequest>& requests;
  const Take& take;
  std::vector<Fault>* faults;
  std::function<void()> meanwhile;   // empty once it was called
  std::vector<std::size_t> waiting;  // indices of requests, in order
  MemoryArena* arena;

  void call_meanwhile() {
    if (const auto call = std::exchange(meanwhile, nullptr)) call();
  }
};

MemoryReader::MemoryReader(MemoryFile file, int proc_fd, int timeout_ms, int budget_ms)
    : file_(file),
      proc_fd_(proc_fd),
      timeout_ms_(std::max(timeout_ms, kChecks)),
      budget_ms_(std::max(budget_ms, 0)) {}

bool MemoryReader::exhausted(uid_t uid) const {
  const auto waited = waited_ms_.find(uid);
  return waited != waited_ms_.end() &&
         waited->second >= static_cast<std::int64_t>(timeout_ms_) * kStallsPerUser;
}

void MemoryReader::read(const std::vector<MemoryRequest>& requests, const Take& take,
                        std::vector<Fault>* faults, std::function<void()> meanwhile) {
  collect_memory_helpers();
  Batch batch{requests, take, faults, std::move(meanwhile), {}, nullptr};
  for (std::size_t i = 0; i < requests.size(); ++i) batch.waiting.push_back(i);
  if (!batch.waiting.empty()) serve_all(batch);
  batch.call_meanwhile();
}

void MemoryReader::serve_all(Batch& batch) {
  const std::vector<MemoryRequest>& requests = batch.requests;
  const SharedArena arena;
  batch.arena = arena.get();
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
}

// One helper: as many of the waiting as it can serve until it ends, stalls or the budget is spent.
void MemoryReader::serve(Batch& batch) {
  const auto give_up = [this, &batch](int error, const char* what) {
    batch.faults->push_back({file_.fault, 0, std::string(what) + ": " + error_text(error)});
    for (const std::size_t i : batch.waiting) batch.take(i, EIO, {});
    batch.waiting.clear();
  };
  int pipe_fds[2];
  if (batch.arena == nullptr) return give_up(ENOMEM, "mmap");
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return give_up(errno, "pipe2");
  const UniqueFd ended(pipe_fds[0]);
  UniqueFd alive(pipe_fds[1]);
  MemoryArena* arena = batch.arena;
  const auto count = static_cast<std::uint32_t>(std::min(batch.waiting.size(), kMemorySlots));
  arena->done.store(0, std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < count; ++i) arena->pids[i] = batch.requests[batch.waiting[i]].pid;

  const pid_t helper = start_memory_helper(proc_fd_, alive.get(), file_, arena, count);
  if (helper < 0) return give_up(errno, "fork");
  alive.reset();
  batch.call_meanwhile();
  const std::int64_t start = now_ms();

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
  end_memory_helper(helper);
  budget_ms_ -= std::max<std::int64_t>(now_ms() - start, 1);  // no progress at all still ends some time

  const std::uint32_t done = std::min(arena->done.load(std::memory_order_acquire), count);
  if (done == 0 && ended_itself) return give_up(ECHILD, "the helper ended early");
  for (std::uint32_t i = 0; i < done; ++i) {
    std::string_view text;
    const int error = arena->answer(i, &text);
    batch.take(batch.waiting[i], error, text);
  }
  batch.waiting.erase(batch.waiting.begin(), batch.waiting.begin() + done);
  // It is never taken; the next round drops it.
  if (stalled && done < count) stalled_.insert(batch.requests[batch.waiting.front()].pid);
}

}  // namespace reaper
