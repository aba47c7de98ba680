#include "core/killable/reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <new>
#include <utility>

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

// A user may keep the reader waiting for this many timeouts; then their other processes are not read.
constexpr int kStallsPerUser = 3;
// Checks per timeout, and the progress between two checks below which the time counts as waiting.
constexpr int kChecks = 4;
constexpr std::uint32_t kProgressPerCheck = 16;

// The places of the requests, the first one of every account, then the second one of each, and so on.
std::vector<std::size_t> in_turns(const std::vector<MemoryRequest>& requests, const Owners& owners) {
  std::unordered_map<uid_t, std::size_t> asked;
  std::multimap<std::size_t, std::size_t> turns;
  for (std::size_t i = 0; i < requests.size(); ++i) turns.emplace(asked[owners.of(requests[i].uid)]++, i);
  std::vector<std::size_t> places;
  places.reserve(turns.size());
  for (const auto& [turn, place] : turns) places.push_back(place);
  return places;
}

}  // namespace

struct MemoryReader::Batch {
  const std::vector<MemoryRequest>& requests;
  const OnAnswer& on_answer;
  std::vector<Fault>* faults;
  std::vector<std::size_t> waiting;  // places of requests, in the order to read
  MemoryArena* arena;
  std::vector<uid_t> accounts = {};  // whose budgets arena->left holds

  const MemoryRequest& at(std::size_t i) const { return requests[waiting[i]]; }
};

MemoryReader::MemoryReader(MemoryFile file, int proc_fd, int timeout_ms, int budget_ms, Owners owners)
    : file_(file),
      proc_fd_(proc_fd),
      timeout_ms_(std::max(timeout_ms, kChecks)),
      budget_ms_(std::max(budget_ms, 0)),
      owners_(std::move(owners)) {}

void MemoryReader::read(const std::vector<MemoryRequest>& requests, const OnAnswer& on_answer,
                        std::vector<Fault>* faults) {
  collect_memory_helpers();
  if (requests.empty()) return;
  void* shared = mmap(nullptr, sizeof(MemoryArena), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  const auto unmap = [](MemoryArena* mapped) { munmap(mapped, sizeof *mapped); };
  const std::unique_ptr<MemoryArena, decltype(unmap)> arena(
      shared == MAP_FAILED ? nullptr : new (shared) MemoryArena, unmap);
  Batch batch{requests, on_answer, faults, in_turns(requests, owners_), arena.get()};
  while (budget_ms_ > 0) {
    auto& waiting = batch.waiting;
    const auto hopeless = [&](std::size_t place) { return is_hopeless(requests[place]); };
    waiting.erase(std::remove_if(waiting.begin(), waiting.end(), hopeless), waiting.end());
    if (waiting.empty()) return;
    serve(batch);
  }
}

// Starts one helper, which reads until it ends, stalls or the time is spent, and delivers what it read.
void MemoryReader::serve(Batch& batch) {
  const auto give_up = [this, &batch](int error, const char* what) {
    batch.faults->push_back({file_.fault, 0, std::string(what) + ": " + error_text(error)});
    for (const std::size_t place : batch.waiting) batch.on_answer(place, EIO, {});
    batch.waiting.clear();
  };
  if (batch.arena == nullptr) return give_up(ENOMEM, "mmap");
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return give_up(errno, "pipe2");
  const UniqueFd ended(pipe_fds[0]);
  UniqueFd alive(pipe_fds[1]);
  const auto count = static_cast<std::uint32_t>(std::min(batch.waiting.size(), kMemorySlots));
  fill(batch, count);
  const std::int64_t start = now_ms();
  const pid_t helper = start_memory_helper(proc_fd_, alive.get(), file_, batch.arena, count);
  if (helper < 0) return give_up(errno, "fork");
  alive.reset();

  const End end = watch(batch, count, ended.get());
  end_memory_helper(helper);
  budget_ms_ -= std::max<std::int64_t>(now_ms() - start, 1);  // so that no progress at all ends some time
  const std::uint32_t done = deliver(batch, count);
  if (done == 0 && end == End::kHelperEnded) return give_up(ECHILD, "the helper ended early");
  if (end == End::kStalled && done < count) stalled_.insert(batch.at(0).path);
}

// Writes down for the helper what to read, and how much each user may still cost.
void MemoryReader::fill(Batch& batch, std::uint32_t count) const {
  MemoryArena& arena = *batch.arena;
  std::unordered_map<uid_t, std::uint32_t> users;
  batch.accounts.clear();
  arena.done.store(0, std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < count; ++i) {
    const uid_t account = owners_.of(batch.at(i).uid);
    const auto [user, is_new] = users.emplace(account, static_cast<std::uint32_t>(batch.accounts.size()));
    if (is_new) {
      const auto left = left_.find(account);
      arena.left[user->second] = left == left_.end() ? file_.user_budget : left->second;
      batch.accounts.push_back(account);
    }
    const std::string& path = batch.at(i).path;
    arena.paths[i][path.copy(arena.paths[i], sizeof arena.paths[i] - 1)] = '\0';
    arena.users[i] = user->second;
  }
}

// Waits for the helper. Its pipe tells its end, the shared counter its progress.
MemoryReader::End MemoryReader::watch(const Batch& batch, std::uint32_t count, int ended_fd) {
  const std::int64_t start = now_ms();
  std::int64_t last_progress = start, last_check = start;
  std::uint32_t seen = 0;
  for (;;) {
    struct pollfd pipe = {ended_fd, POLLIN, 0};
    if (poll(&pipe, 1, timeout_ms_ / kChecks) > 0) return End::kHelperEnded;
    const std::int64_t now = now_ms(), passed = now - std::exchange(last_check, now);
    const std::uint32_t done = batch.arena->done.load(std::memory_order_acquire);
    const std::uint32_t progress = done - std::exchange(seen, done);
    if (done >= count) return End::kAllRead;
    if (now - start >= budget_ms_) return End::kTimeSpent;
    if (progress != 0) last_progress = now;
    if (progress >= kProgressPerCheck) continue;
    const uid_t account = owners_.of(batch.at(done).uid);
    waited_ms_[account] += passed;
    if (now - last_progress >= timeout_ms_ || has_stalled_often(account)) return End::kStalled;
  }
}

// Hands over what was read and takes it out of the waiting; returns how many that were.
std::uint32_t MemoryReader::deliver(Batch& batch, std::uint32_t count) {
  const MemoryArena& arena = *batch.arena;
  const std::uint32_t done = std::min(arena.done.load(std::memory_order_acquire), count);
  for (std::size_t user = 0; user < batch.accounts.size(); ++user) {
    const auto left = left_.emplace(batch.accounts[user], file_.user_budget).first;
    left->second = std::min(left->second, arena.left[user]);
  }
  for (std::uint32_t i = 0; i < done; ++i) {
    std::string_view text;
    const int error = arena.answer(i, &text);
    batch.on_answer(batch.waiting[i], error, text);
  }
  batch.waiting.erase(batch.waiting.begin(), batch.waiting.begin() + done);
  return done;
}

bool MemoryReader::has_stalled_often(uid_t account) {
  return waited_ms_[account] >= static_cast<std::int64_t>(timeout_ms_) * kStallsPerUser;
}

// Guard: a file that stalled once would stall again, and one user must not use up the time of others.
bool MemoryReader::is_hopeless(const MemoryRequest& request) {
  return has_stalled_often(owners_.of(request.uid)) || stalled_.count(request.path) != 0;
}

}  // namespace reaper
