// Lists the sockets of this network namespace by NETLINK_SOCK_DIAG (sock_diag(7)).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace reaper {

// An address and a port as 16 + 2 bytes in network order. IPv4 is kept in its IPv6-mapped form, so an IPv4
// socket and its dual-stack peer, which the kernel lists as ::ffff:a.b.c.d, compare equal.
using Endpoint = std::array<std::uint8_t, 18>;

enum class SocketState { kOther, kEstablished, kListening };

struct TcpRecord {
  Endpoint local{}, remote{};
  std::uint32_t inode = 0;  // 0: no descriptor yet, it waits to be accepted (measured)
  SocketState state = SocketState::kEstablished;
};

// kEstablished: a connected SOCK_STREAM or SOCK_SEQPACKET that is not shut down both ways.
struct UnixRecord {
  std::uint32_t inode = 0;
  std::uint32_t peer = 0;  // 0: the other end waits to be accepted, or was not reported
  std::string name;        // bound path, "@name" when abstract, empty when unbound
  SocketState state = SocketState::kEstablished;
  // Of a listening socket: the sockets of the clients that wait to be accepted.
  std::vector<std::uint32_t> waiting{};
};

// What one received buffer said about its dump.
struct NetlinkBatch {
  bool done = false;         // the kernel has no more
  bool interrupted = false;  // NLM_F_DUMP_INTR: the tables changed under the dump
};

// Parses one received buffer of TcpRecord or UnixRecord, which are appended to `out`. `sequence` is that of
// the request. Failures: the kernel's errno (NLMSG_ERROR, or the status in NLMSG_DONE), EBADMSG for anything
// short or malformed, ENOBUFS for lost messages. Records found before a failure stay in `out`.
template <typename Record>
Result<NetlinkBatch> parse_batch(const std::uint8_t* data, std::size_t size, std::uint32_t sequence,
                                 std::vector<Record>& out);

// How a dump ended; nullopt: it is complete.
using DumpEnd = std::optional<Failure>;

// Whether this kernel, or a sandbox around this program, does not offer dumps at all.
bool is_refusal(const Failure& failure);

using OnTcp = std::function<void(const std::vector<TcpRecord>&)>;
using OnUnix = std::function<void(const std::vector<UnixRecord>&)>;

// Dump the calling thread's network namespace in batches; no privilege needed. An interrupted dump is
// repeated, up to 3 times in all, and hands its records over again. TCP (or MPTCP) sockets of all states but
// TIME-WAIT and SYN-RECV, which have no descriptor.
DumpEnd dump_tcp(int family, int protocol, const OnTcp& on_batch);
// kEverything: all types and states, with peers and names. kQueues: listening sockets with the clients that
// wait. Guard: the kernel ends a kQueues dump early, and calls it complete, at a socket with thousands of
// waiting clients, so what it lacks is asked for one by one.
enum class UnixDump { kEverything, kQueues };
DumpEnd dump_unix(UnixDump what, const OnUnix& on_batch);

// Asks for one unix socket by its inode, with its queue when it listens. ENOENT: not in this namespace.
// EMSGSIZE: more clients wait than fit an answer (about 900).
Result<UnixRecord> find_unix(std::uint32_t inode);

// "127.0.0.1:22", "[::1]:22".
std::string endpoint_text(const Endpoint& end);

}  // namespace reaper
