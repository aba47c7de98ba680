// Asks the kernel which protocol sockets are of. A descriptor may lead to a file on a dead file system by the
// time of the question, so a child process that can be killed asks (killable/helper.h).
#pragma once

#include <string>
#include <vector>

#include "core/killable/reader.h"

namespace reaper {

// Returns the kernel's name of each protocol ("TCP", "UDPv6", "UNIX-STREAM", "NETLINK"), in order; empty: it
// could not be read. `sockets`: "PID/fd/NUMBER", and the user to whom the time is charged.
std::vector<std::string> read_socket_protocols(const std::string& proc_root,
                                               const std::vector<MemoryRequest>& sockets,
                                               std::vector<Fault>* faults);

}  // namespace reaper
