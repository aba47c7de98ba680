#include <poll.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "core/signals/pin.h"

namespace reaper {
namespace {

constexpr int kRereadMs = 20;
constexpr std::size_t kSpareFds = 4;

std::int64_t now_ms() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

IdentityCheck check_by_number(ProcDir& proc, const ProcId& id) {
  ProcessFiles files(proc, id.pid, -1);
  return check_identity(files, id);
}

}  // namespace

std::vector<ProcId> wait_gone(const std::string& proc_root, const std::vector<ProcId>& ids, int timeout_ms) {
  const std::int64_t deadline = now_ms() + std::max(timeout_ms, 0);
  auto proc = ProcDir::open(proc_root);
  if (!proc) return ids;  // nothing can be said to be dead

  std::vector<UniqueFd> pins(ids.size());
  std::vector<char> alive(ids.size(), 1);
  bool room = true;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i].pid < 1) continue;
    int error = 0;
    if (room) error = open_pidfd(ids[i].pid, &pins[i]);
    if (error == EMFILE || error == ENFILE) {
      // The rest is watched by its start time, and reading that takes descriptors too.
      room = false;
      for (std::size_t j = i; j-- > 0 && j + kSpareFds >= i;) pins[j].reset();
    }
    const IdentityCheck seen = check_by_number(proc.value(), ids[i]);
    if (error == ESRCH || seen == IdentityCheck::kGone || seen == IdentityCheck::kRecycled) alive[i] = 0;
  }
  for (;;) {
    std::vector<struct pollfd> watched;
    std::vector<std::size_t> which;
    bool reread = false, any = false;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (alive[i] == 0) continue;
      any = true;
      if (!pins[i].valid()) {
        reread = true;
        continue;
      }
      watched.push_back({pins[i].get(), POLLIN, 0});
      which.push_back(i);
    }
    const std::int64_t left = deadline - now_ms();
    if (!any || left < 0) break;
    const std::int64_t pause = reread ? std::min<std::int64_t>(left, kRereadMs) : left;
    const struct timespec wait = {pause / 1000, (pause % 1000) * 1000000};
    const int ready = ppoll(watched.data(), watched.size(), &wait, nullptr);
    for (std::size_t k = 0; ready > 0 && k < watched.size(); ++k)
      if ((watched[k].revents & (POLLIN | POLLHUP)) != 0)
        alive[which[k]] = 0;  // readable: every thread of it has ended
    for (std::size_t i = 0; reread && i < ids.size(); ++i) {
      if (alive[i] == 0 || pins[i].valid()) continue;
      const IdentityCheck seen = check_by_number(proc.value(), ids[i]);
      if (seen == IdentityCheck::kGone || seen == IdentityCheck::kRecycled) alive[i] = 0;
    }
    if (left == 0) break;
  }
  std::vector<ProcId> survivors;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (alive[i] != 0) survivors.push_back(ids[i]);
  return survivors;
}

}  // namespace reaper
