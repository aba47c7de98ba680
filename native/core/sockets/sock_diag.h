// Lists the sockets of this network namespace by NETLINK_SOCK_DIAG (sock_diag(7)).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/base/result.h"

namespace reaper {

// An address and a port as 16 + 2 bytes in network order. IPv4 is kept in its IPv6-mapped form, so an IPv4
// socket and its dual-stack peer, which the kernel lists as ::ffff:a.b.c.d, compare equal.
using Endpoint = std::array<std::uint8_t, 18>;
std::string endpoint_text(const Endpoint& end);  // "127.0.0.1:22", "[::1]:22"

// Sets of states: the kernel's numbers (netinet/tcp.h), also of unix sockets.
template <typename... States>
constexpr std::uint32_t bits(States... states) {
  return ((1u << states) | ...);
}
inline bool is_in(std::uint32_t states, std::uint8_t state) {
  return state < 32 && (states >> state & 1) != 0;
}

struct TcpRecord {
  Endpoint local{}, remote{};
  std::uint32_t device = 0;  // sockets that are bound to different devices may share both addresses
  std::uint32_t inode = 0;   // 0: no descriptor: it waits to be accepted, or its process has closed it
  uid_t uid = 0;
  std::uint8_t state = 0;
  bool v6_only = false;
  std::optional<std::uint32_t> idle{};  // milliseconds since data flowed

  bool operator<(const TcpRecord& other) const {
    return std::tie(local, remote, device) < std::tie(other.local, other.remote, other.device);
  }
};

struct UnixRecord {
  std::uint32_t inode = 0, peer = 0;  // peer 0: it waits to be accepted, or its peer has closed
  std::optional<uid_t> uid{};         // nullopt: Linux before 5.3
  std::uint8_t type = 0, state = 0, shutdown = 0;
  std::uint32_t queue = 0;  // of a listener: how many wait
  std::string name, key;    // as bound (an abstract name begins with NUL); the same name has an equal key
  std::vector<std::uint32_t> waiting{};  // of a listener that was asked: the clients' inodes; 0: it has died
};

inline constexpr std::uint32_t kSequence = 1;  // of every request: each has a netlink socket of its own

// Parses one received buffer. True: the kernel has no more. Failures: the kernel's errno; EBADMSG for
// anything short or malformed; EINTR where the tables changed under the dump, which these families do not
// report (Linux 6.18).
template <typename Record>
Result<bool> parse_buffer(std::string_view bytes, const std::function<void(const Record&)>& on_record);

// Sends one request and hands over the kernel's answer, buffer by buffer, until `on_buffer` returns false.
using OnBuffer = std::function<bool(std::string_view bytes)>;
using AskKernel =
    std::function<std::optional<Failure>(const std::string& request, const OnBuffer& on_buffer)>;
std::optional<Failure> ask_kernel(const std::string& request, const OnBuffer& on_buffer);

// Dump the sockets in these states; no privilege needed. nullopt: the dump is complete.
std::optional<Failure> dump_tcp(const AskKernel& ask, int family, std::uint32_t states,
                                const std::function<void(const TcpRecord&)>& on_record);
std::optional<Failure> dump_unix(const AskKernel& ask, std::uint32_t states,
                                 const std::function<void(const UnixRecord&)>& on_record);

// Asks for one unix socket, with the clients that wait. ENOENT: not in this namespace. EMSGSIZE: more clients
// wait than fit an answer. Guard: a dump that asks for them ends early, and says it is complete, at a
// listener with a thousand of them.
std::optional<Failure> find_unix(const AskKernel& ask, std::uint32_t inode, UnixRecord& found);

}  // namespace reaper
