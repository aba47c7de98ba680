#include "core/sockets/socket_holders.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <tuple>

#include "core/base/fd.h"
#include "core/base/parallel.h"
#include "core/sockets/fd_scan.h"

namespace reaper {
namespace {

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

// Each process is read by the thread that is free; what the second one leaves, this one reads afterwards.
void read_all(int proc, const std::optional<std::string>& own_net, const std::vector<pid_t>& pids,
              const std::vector<SocketFd>& settled, FdTable& table) {
  FdTable others;
  others.holders.reserve(kMaxDescriptors);
  others.descriptors.reserve(kMaxDescriptors);
  others.foreign_net.reserve(pids.size());
  std::vector<pid_t> left;
  left.reserve(pids.size());
  FdReader here(proc, own_net, settled, table), beside(proc, own_net, settled, others, false);
  std::atomic<std::size_t> next{0};
  const auto read_here = [&] {
    for (std::size_t i = 0; (i = next.fetch_add(1)) < pids.size();) here.process(pids[i]);
  };
  const auto read_beside = [&] {
    for (std::size_t i = 0; (i = next.fetch_add(1)) < pids.size();)
      if (!beside.plain_process(pids[i])) left.push_back(pids[i]);
  };
  if (pids.size() < 2 || !in_two_threads(read_here, read_beside)) read_here();
  for (const pid_t pid : left) here.process(pid);
  append(table.holders, others.holders);
  append(table.descriptors, others.descriptors);
  append(table.foreign_net, others.foreign_net);
}

void sort_unique(std::vector<pid_t>& pids) {
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
}

}  // namespace

FdTable::Range FdTable::holders_of(std::uint32_t inode) const {
  const std::size_t place = first_holder.find(inode);
  if (place == InodeIndex::kNone) return {holders.end(), holders.end()};
  const auto first = holders.begin() + static_cast<std::ptrdiff_t>(place);
  const auto other = [&](const Holder& holder) { return holder.inode != inode; };
  return {first, std::find_if(first, holders.end(), other)};
}

bool FdTable::is_held(std::uint32_t inode) const { return first_holder.find(inode) != InodeIndex::kNone; }

std::vector<SocketFd> FdTable::settled(const std::vector<std::uint32_t>& living) const {
  InodeIndex alive(living.size());
  for (const std::uint32_t inode : living) alive.add(inode, 0);
  InodeIndex first(descriptors.size());
  std::vector<bool> shared(descriptors.size());
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    first.add(descriptors[i].inode, i);
    if (const std::size_t other = first.find(descriptors[i].inode); other != i)
      shared[i] = shared[other] = true;
  }
  std::vector<SocketFd> found;
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    const Range range = holders_of(descriptors[i].inode);
    // Guard: a socket with a second holder, or a second descriptor, lives on when this one is closed.
    if (!shared[i] && range.second - range.first == 1 &&
        alive.find(descriptors[i].inode) != InodeIndex::kNone)
      found.push_back(descriptors[i]);
  }
  return found;
}

void read_fd_table(const std::string& proc_root, const std::vector<pid_t>& pids, FdTable& table,
                   const std::vector<SocketFd>& settled) {
  std::vector<pid_t> wanted = pids;
  sort_unique(wanted);
  const UniqueFd proc(open(proc_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc.valid()) {
    table.faults.push_back({"open " + proc_root, 0, std::strerror(errno)});
    table.own_net_known = false;
    table.unreadable = std::move(wanted);
    return;
  }
  const LinkText net = read_link(proc.get(), "self/ns/net");
  std::optional<std::string> own_net;
  if (net.code == 0) {
    own_net = std::string(net.view());
  } else {
    table.own_net_known = false;
    table.faults.push_back({"read own network namespace", 0, std::strerror(net.code)});
  }
  wanted.erase(wanted.begin(), std::upper_bound(wanted.begin(), wanted.end(), 0));
  read_all(proc.get(), own_net, wanted, settled, table);

  const auto key = [](const Holder& holder) { return std::tie(holder.inode, holder.pid); };
  std::sort(table.holders.begin(), table.holders.end(),
            [&](const Holder& a, const Holder& b) { return key(a) < key(b); });
  table.holders.erase(std::unique(table.holders.begin(), table.holders.end(),
                                  [&](const Holder& a, const Holder& b) { return key(a) == key(b); }),
                      table.holders.end());
  table.first_holder = InodeIndex(table.holders.size());
  for (std::size_t i = 0; i < table.holders.size(); ++i) table.first_holder.add(table.holders[i].inode, i);
  const auto fd_key = [](const SocketFd& socket) { return std::tie(socket.pid, socket.fd, socket.inode); };
  std::sort(table.descriptors.begin(), table.descriptors.end(),
            [&](const SocketFd& a, const SocketFd& b) { return fd_key(a) < fd_key(b); });
  sort_unique(table.unreadable);
  sort_unique(table.foreign_net);
}

}  // namespace reaper
