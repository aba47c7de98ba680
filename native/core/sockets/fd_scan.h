// Reads which sockets one process after another holds, for core/fd_table.cc alone.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sockets/socket_holders.h"

namespace reaper {

// A user may open as many descriptors as the limits allow and each costs about 8 us to read; one who holds
// more than this is unknown rather than a way to stall the sweep.
inline constexpr std::size_t kMaxDescriptors = 65536;

// The text of a link; else an errno. Links are only read, never followed: a file behind one may hang the
// reader.
struct LinkText {
  char bytes[64];  // "socket:[INODE]" and "net:[INODE]" are shorter, so a longer text is neither
  std::size_t size = 0;
  int code = 0;
  std::string_view view() const { return {bytes, size}; }
};
LinkText read_link(int at, const char* path);

// Refers to what it is made from.
class FdReader {
 public:
  // own_net: the text of this process's network namespace, where it is known; settled: what need not be read
  // again, sorted. What is found is appended to the table, which is sorted later.
  FdReader(int proc, const std::optional<std::string>& own_net, const std::vector<SocketFd>& settled,
           FdTable& table, bool may_grow = true)
      : proc_(proc), own_net_(own_net), settled_(settled), table_(table), may_grow_(may_grow) {}

  void process(pid_t pid);

  // The same without allocating, in a table that may not grow. False, and nothing is kept: it is for
  // `process`, which has room, has words for what went wrong, and finds the threads of one that shows no
  // descriptor.
  bool plain_process(pid_t pid);

 private:
  struct Look {
    int code = 0;  // 0 also when it is gone
    std::size_t descriptors = 0;
  };

  int threads(pid_t pid, const std::string& path);
  Look task(pid_t pid, const std::string& path);
  Look descriptors(pid_t pid, const std::string& path);
  int compare_net(pid_t pid, const std::string& path);

  const int proc_;
  const std::optional<std::string>& own_net_;
  const std::vector<SocketFd>& settled_;
  FdTable& table_;
  const bool may_grow_;
};

}  // namespace reaper
