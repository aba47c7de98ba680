// The established sockets of this network namespace: by netlink, else from the text files of /proc/net.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/fault.h"
#include "core/base/result.h"
#include "core/sockets/sock_diag.h"

namespace reaper {

struct SocketTable {
  std::vector<TcpRecord> tcp;
  std::vector<UnixRecord> local;  // unix sockets; "unix" itself is a macro of the compiler
  std::vector<TcpRecord> tcp_listening;
  std::vector<UnixRecord> local_listening;
  bool complete = true;       // false: something is missing from the lists
  bool from_proc = false;     // a list came from /proc/net
  bool empty_handed = false;  // neither way gave anything
  std::uint32_t established_unix = 0;
  std::vector<Fault> faults;
};

SocketTable read_sockets(const std::string& proc_root);

// Only the text files, as where netlink is refused. They do not tell unix peers, so never complete.
SocketTable read_sockets_from_proc(const std::string& proc_root);

// Pure parsers of whole files (proc_pid_net(5)); a line that is malformed or cut short is EBADMSG. Only
// established sockets; of unix sockets, which have no peers here, only how many streams.
Result<std::vector<TcpRecord>> parse_proc_tcp(std::string_view text);
Result<std::uint32_t> count_proc_unix(std::string_view text);

}  // namespace reaper
