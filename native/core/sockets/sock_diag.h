// Lists the sockets of this network namespace by NETLINK_SOCK_DIAG (sock_diag(7)).
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/base/result.h"

namespace reaper {

// Sets of states: the kernel's numbers (netinet/tcp.h), also of unix sockets.
template <typename... States>
constexpr std::uint32_t bits(States... states) {
  return ((1u << states) | ...);
}
inline bool is_in(std::uint32_t states, std::uint8_t state) {
  return state < 32 && (states >> state & 1) != 0;
}

// What a listener has in common with what it accepts. TCP: "4" or "6", the address (none: any) and the port
// in network order; IPv4-mapped is IPv4, and "*" with a port is [::] that takes IPv4 too. unix: "/" with the
// file's inode and device, or "@" with the abstract name; empty: none is bound.
using Place = std::string;
std::string place_text(const Place& tcp);  // "127.0.0.1:22", "[::1]:22"
inline int port_of(const Place& tcp) {
  return static_cast<std::uint8_t>(tcp[tcp.size() - 2]) * 256 + static_cast<std::uint8_t>(tcp.back());
}

inline std::string unix_end(std::uint32_t inode) {
  return std::string("u").append(reinterpret_cast<const char*>(&inode), sizeof inode);
}

struct SocketRecord {
  bool is_tcp = false;
  std::uint8_t type = SOCK_STREAM, state = 0, shutdown = 0;
  std::uint32_t inode = 0;     // 0: no descriptor: it waits to be accepted, or its process has closed it
  std::optional<uid_t> uid{};  // nullopt: not known (TCP without an inode, unix before Linux 5.3)
  Place place{};
  std::string end{}, far{};  // this end and the other: of TCP their places, else unix_end(inode)
  std::uint32_t device = 0;  // TCP sockets that are bound to different devices may share both addresses
  std::optional<std::uint32_t> idle{};   // of TCP: milliseconds since data flowed
  std::uint32_t peer = 0;                // of unix; 0: it waits to be accepted, or its peer has closed
  std::string name{};                    // of unix, as bound; an abstract one begins with NUL
  std::uint32_t queue = 0;               // of a unix listener: how many wait
  std::vector<std::uint32_t> waiting{};  // of one that was asked: the clients' inodes; 0: it has died

  // A unix socket stays the same one with another peer.
  bool operator<(const SocketRecord& other) const {
    if (end != other.end || !is_tcp) return end < other.end;
    return std::tie(far, device) < std::tie(other.far, other.device);
  }
};

inline constexpr std::uint32_t kSequence = 1;  // of every request: each has a netlink socket of its own

// Parses one received buffer of records of this family. True: the kernel has no more. Failures: the kernel's
// errno; EBADMSG for anything short, malformed or of another family; EINTR where the tables changed under
// the dump, which these families do not report (Linux 6.18).
using OnRecord = std::function<void(const SocketRecord&)>;
Result<bool> parse_buffer(int family, std::string_view bytes, const OnRecord& on_record);

// Sends one request and hands over the kernel's answer, buffer by buffer, until `on_buffer` returns false.
using OnBuffer = std::function<bool(std::string_view bytes)>;
using AskKernel =
    std::function<std::optional<Failure>(const std::string& request, const OnBuffer& on_buffer)>;
std::optional<Failure> ask_kernel(const std::string& request, const OnBuffer& on_buffer);

// Dumps the TCP (AF_INET, AF_INET6) or unix sockets in these states; no privilege needed. nullopt: the dump
// is complete.
std::optional<Failure> dump_sockets(const AskKernel& ask, int family, std::uint32_t states,
                                    const OnRecord& on_record);

// Asks for one unix socket, with the clients that wait. ENOENT: not in this namespace. EMSGSIZE: more clients
// wait than fit an answer. Guard: a dump that asks for them ends early, and says it is complete, at a
// listener with a thousand of them.
std::optional<Failure> find_unix(const AskKernel& ask, std::uint32_t inode, SocketRecord& found);

}  // namespace reaper
