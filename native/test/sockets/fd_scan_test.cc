// The two threads that read descriptors: what the second one may not finish is left to the first, and
// together they see what one alone sees.
#include "core/sockets/fd_scan.h"

#include <fcntl.h>

#include <memory>

#include "test/check.h"
#include "test/holder.h"
#include "test/one_processor.h"

using namespace reaper;

namespace {

const std::optional<std::string> kNoNet;
const std::vector<SocketFd> kNothing;

int proc() {
  static const UniqueFd fd(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd.get();
}

bool is_empty(const FdTable& table) {
  return table.holders.empty() && table.descriptors.empty() && table.unreadable.empty() &&
         table.foreign_net.empty() && table.faults.empty();
}

void leaves_what_has_no_room() {
  const Pair one = socket_pair(SOCK_STREAM), other = socket_pair(SOCK_STREAM);
  const Holding single({one.client.get()}), both({other.client.get(), other.server.get()});
  FdTable table;
  table.holders.reserve(1);
  table.descriptors.reserve(1);
  CHECK(table.holders.capacity() == 1);
  FdReader reader(proc(), kNoNet, kNothing, table, false);
  CHECK(!reader.plain_process(both.pid()) && is_empty(table));
  CHECK(reader.plain_process(single.pid()));
  CHECK(table.holders.size() == 1 && table.holders[0].pid == single.pid());
  // What is left keeps nothing of what came before from its place.
  CHECK(!reader.plain_process(both.pid()) && table.holders.size() == 1 && table.descriptors.size() == 1);
}

// One that is gone shows no descriptor, as does one whose main thread has ended: `process` tells them apart.
void leaves_what_shows_no_descriptor() {
  pid_t gone = 0;
  {
    const Child child([] {});
    gone = child.pid();
  }
  FdTable table;
  FdReader reader(proc(), kNoNet, kNothing, table, false);
  CHECK(!reader.plain_process(gone) && is_empty(table));
  reader.process(gone);
  CHECK(is_empty(table));
}

void a_strangers_net_is_taken_back() {
  const Pair pair = socket_pair(SOCK_STREAM);
  const Holding holder({pair.client.get()});
  FdTable table;
  table.foreign_net.reserve(1);
  const std::optional<std::string> elsewhere("net:[1]");
  FdReader reader(proc(), elsewhere, kNothing, table, false);
  CHECK(!reader.plain_process(holder.pid()) && is_empty(table));
  table.holders.reserve(1);
  table.descriptors.reserve(1);
  CHECK(reader.plain_process(holder.pid()));
  CHECK(table.foreign_net == std::vector<pid_t>({holder.pid()}));
}

bool same(const FdTable& a, const FdTable& b) {
  const auto holds = [](const Holder& x, const Holder& y) { return x.inode == y.inode && x.pid == y.pid; };
  const auto has = [](const SocketFd& x, const SocketFd& y) {
    return x.pid == y.pid && x.fd == y.fd && x.inode == y.inode;
  };
  return std::equal(a.holders.begin(), a.holders.end(), b.holders.begin(), b.holders.end(), holds) &&
         std::equal(a.descriptors.begin(), a.descriptors.end(), b.descriptors.begin(), b.descriptors.end(),
                    has) &&
         a.unreadable == b.unreadable && a.foreign_net == b.foreign_net && a.faults.size() == b.faults.size();
}

void two_threads_see_what_one_sees() {
  if (!has_two_processors_here()) {
    std::printf("skipped: two threads need two processors\n");
    return;
  }
  std::vector<Pair> pairs;
  std::vector<std::unique_ptr<Holding>> holders;
  std::vector<pid_t> pids{0, -1, 1 << 22};
  for (int i = 0; i < 20; ++i) {
    pairs.push_back(socket_pair(i % 2 == 0 ? SOCK_STREAM : SOCK_SEQPACKET));
    holders.push_back(std::make_unique<Holding>(
        std::vector<int>{pairs.back().client.get(), pairs[static_cast<std::size_t>(i) / 2].server.get()}));
    pids.push_back(holders.back()->pid());
  }
  FdTable both, alone;
  read_fd_table("/proc", pids, both);
  {
    const OneProcessor only;
    read_fd_table("/proc", pids, alone);
  }
  CHECK(both.holders.size() >= 39 && same(both, alone));
}

}  // namespace

int main() {
  leaves_what_has_no_room();
  leaves_what_shows_no_descriptor();
  a_strangers_net_is_taken_back();
  two_threads_see_what_one_sees();
  return report("fd_scan");
}
