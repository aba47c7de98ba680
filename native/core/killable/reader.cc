#include "core/killable/reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
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

}  // namespace

// A request that has no answer yet.
struct MemoryReader::Waiting {
  std::size_t place;  // among the requests
  std::size_t turn;   // how many of the same account come before it
  const std::string* path;
  Account* account;  // an element of the map, which stays where it is
};

MemoryReader::MemoryReader(MemoryFile file, int proc_fd, int timeout_ms, int budget_ms, Owners owners)
    : file_(file),
      proc_fd_(proc_fd),
      timeout_ms_(std::max(timeout_ms, kChecks)),
      budget_ms_(std::max(budget_ms, 0)),
      owners_(std::move(owners)) {}

void MemoryReader::read(const std::vector<MemoryRequest>& requests, const OnAnswer& on_answer,
                        std::vector<Fault>* faults) {
  collect_helpers();
  if (requests.empty()) return;
  std::vector<Waiting> waiting;
  std::unordered_map<Account*, std::size_t> asked;
  for (const MemoryRequest& request : requests) {
    Account& account = accounts_.emplace(owners_.of(request.uid), Account{file_.user_budget}).first->second;
    waiting.push_back({waiting.size(), asked[&account]++, &request.path, &account});
  }
  std::stable_sort(waiting.begin(), waiting.end(),
                   [](const Waiting& a, const Waiting& b) { return a.turn < b.turn; });
  void* shared = mmap(nullptr, sizeof(MemoryArena), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  const auto unmap = [](MemoryArena* mapped) { munmap(mapped, sizeof *mapped); };
  const std::unique_ptr<MemoryArena, decltype(unmap)> arena(
      shared == MAP_FAILED ? nullptr : new (shared) MemoryArena, unmap);
  while (budget_ms_ > 0) {
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
  const std::int64_t start = now_ms();
  const pid_t helper = start_helper(proc_fd_, alive.get(), [&] { fill(waiting.data(), count, arena); });
  if (helper < 0) return Failure{errno, "fork"};
  alive.reset();

  const End end = watch(waiting.data(), count, arena, ended.get());
  end_helper(helper);
  budget_ms_ -= std::max<std::int64_t>(now_ms() - start, 1);  // so that no progress at all ends some time
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
                                      int ended_fd) const {
  const std::int64_t start = now_ms();
  std::int64_t last_progress = start, last_check = start;
  std::uint32_t seen = 0;
  for (;;) {
    struct pollfd pipe = {ended_fd, POLLIN, 0};
    if (poll(&pipe, 1, timeout_ms_ / kChecks) > 0) return End::kHelperEnded;
    const std::int64_t now = now_ms(), passed = now - std::exchange(last_check, now);
    const std::uint32_t done = arena.done.load(std::memory_order_acquire);
    const std::uint32_t progress = done - std::exchange(seen, done);
    if (done >= count) return End::kAllRead;
    if (now - start >= budget_ms_) return End::kTimeSpent;
    if (progress != 0) last_progress = now;
    if (progress >= kProgressPerCheck) continue;
    waiting[done].account->waited_ms += passed;
    if (now - last_progress >= timeout_ms_ || is_hopeless(waiting[done])) return End::kStalled;
  }
}

// Guard: a file that stalled once would stall again, and one user must not use up the time of others.
bool MemoryReader::is_hopeless(const Waiting& one) const {
  return one.account->waited_ms >= std::int64_t{timeout_ms_} * kStallsPerUser ||
         stalled_.count(*one.path) != 0;
}

}  // namespace reaper
