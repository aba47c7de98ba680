// The kernel's own list of established sockets, by NETLINK_SOCK_DIAG (sock_diag(7)).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace reaper {

// An address and a port as 16 + 2 bytes in network order. IPv4 is kept in its IPv6-mapped form, so that an
// IPv4 socket and its dual-stack peer, which the kernel lists as ::ffff:a.b.c.d, compare equal.
using Endpoint = std::array<std::uint8_t, 18>;

struct TcpRecord {
  Endpoint local{}, remote{};
  std::uint32_t inode = 0;  // 0: no descriptor yet, it waits to be accepted (measured)
  bool listening = false;   // then there is no remote end
};

struct UnixRecord {
  std::uint32_t inode = 0;
  std::uint32_t peer = 0;  // 0: not accepted yet, or not told
  std::string name;        // bound path, "@name" when abstract, empty when unbound
  // Of a listening socket, which has no peer: the sockets of the clients that wait to be accepted.
  std::vector<std::uint32_t> waiting{};
};

// What one received buffer said about its dump.
struct NetlinkBatch {
  bool done = false;         // the kernel has no more
  bool interrupted = false;  // NLM_F_DUMP_INTR: the tables changed under the dump
};

// Pure parsers of one received buffer; records are appended to `out`. `sequence` is that of the request.
// Failures: the kernel's errno (NLMSG_ERROR, or the status in NLMSG_DONE), EBADMSG for anything short or
// malformed, ENOBUFS for lost messages. Records found before a failure stay in `out`.
Result<NetlinkBatch> parse_tcp_batch(const std::uint8_t* data, std::size_t size, std::uint32_t sequence,
                                     std::vector<TcpRecord>& out);
Result<NetlinkBatch> parse_unix_batch(const std::uint8_t* data, std::size_t size, std::uint32_t sequence,
                                      std::vector<UnixRecord>& out);

// How a dump ended; `out` of the dump holds what was seen even when it failed.
struct DumpEnd {
  bool complete = false;
  bool refused = false;  // this kernel, or a sandbox around us, does not offer it: try /proc
  Failure failure{0, {}};
};

// Dumps of the calling thread's network namespace; no privilege needed. ESTABLISHED only, and for unix
// SOCK_STREAM and SOCK_SEQPACKET that are not shut down. An interrupted dump is repeated, up to 3 times in
// all.
DumpEnd dump_tcp(int family, std::vector<TcpRecord>& out);
DumpEnd dump_unix(std::vector<UnixRecord>& out);

// Listening sockets, in dumps of their own: a listener with a queue too long for one message ends a dump
// early.
DumpEnd dump_tcp_listening(int family, std::vector<TcpRecord>& out);
DumpEnd dump_unix_listening(std::vector<UnixRecord>& out);

// "127.0.0.1:22", "[::1]:22".
std::string endpoint_text(const Endpoint& end);

}  // namespace reaper
