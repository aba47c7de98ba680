// Reads which sockets of another network namespace are connected, from /proc/PID/net of a process in it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/result.h"
#include "core/sockets/socket_holders.h"

namespace reaper {

// The inodes of one namespace's sockets, sorted.
struct NetSockets {
  std::vector<std::uint32_t> known;
  // ESTABLISHED TCP, and unix streams that are connected and have a name: those that a listener accepted.
  std::vector<std::uint32_t> connected;
};

// Parse whole files (proc_pid_net(5)) and add to `out`; a line that is malformed or cut short is EBADMSG.
Result<bool> parse_proc_tcp(std::string_view text, NetSockets& out);
Result<bool> parse_proc_unix(std::string_view text, NetSockets& out);

class ForeignNets {
 public:
  ForeignNets(std::string proc_root, const HolderTable& holders)
      : proc_root_(std::move(proc_root)), holders_(holders) {}

  // The sockets of the process's namespace, read once; nullptr: unreadable, or beyond its user's budget.
  const NetSockets* sockets_of(pid_t pid);

  const std::vector<Fault>& faults() const { return faults_; }

 private:
  Result<NetSockets> read(pid_t pid, uid_t account);

  std::string proc_root_;
  const HolderTable& holders_;
  std::map<std::string, std::optional<NetSockets>> by_net_;
  std::unordered_map<uid_t, std::uint32_t> nets_of_;
  std::unordered_map<uid_t, std::size_t> bytes_of_;
  std::vector<Fault> faults_;
};

}  // namespace reaper
