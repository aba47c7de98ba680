// Parses the bytes of a received buffer into records.
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/sockets/sock_diag.h"

namespace reaper {
namespace {

constexpr std::size_t kNameMax = 108;      // sizeof sockaddr_un.sun_path
constexpr std::uint8_t kShutBothWays = 3;  // RCV_SHUTDOWN | SEND_SHUTDOWN

constexpr std::size_t aligned(std::size_t length) { return (length + 3) & ~std::size_t{3}; }

Failure malformed(const char* what) { return Failure{EBADMSG, what}; }

// Copies a structure from the start of `bytes`; false: they are too few.
template <typename T>
bool copy(std::string_view bytes, T& to) {
  if (bytes.size() < sizeof to) return false;
  std::memcpy(&to, bytes.data(), sizeof to);
  return true;
}

Endpoint endpoint(std::uint8_t family, const void* address, std::uint16_t port_be) {
  Endpoint end{};
  if (family == AF_INET) {
    end[10] = end[11] = 0xff;
    std::memcpy(&end[12], address, 4);
  } else {
    std::memcpy(&end[0], address, 16);
  }
  std::memcpy(&end[16], &port_be, 2);
  return end;
}

SocketState state_of(int state) {
  if (state == TCP_ESTABLISHED) return SocketState::kEstablished;
  return state == TCP_LISTEN ? SocketState::kListening : SocketState::kOther;
}

// False: malformed.
bool take(std::string_view payload, std::vector<TcpRecord>& out) {
  inet_diag_msg message;
  if (!copy(payload, message)) return false;
  if (message.idiag_family != AF_INET && message.idiag_family != AF_INET6) return false;
  TcpRecord record;
  record.state = state_of(message.idiag_state);
  record.local = endpoint(message.idiag_family, message.id.idiag_src, message.id.idiag_sport);
  record.remote = endpoint(message.idiag_family, message.id.idiag_dst, message.id.idiag_dport);
  record.inode = message.idiag_inode;
  out.push_back(record);
  return true;
}

// Writes a name as /proc/net/unix does: each NUL byte of an abstract name becomes '@'.
std::string unix_name(std::string_view value) {
  std::string name(value.substr(0, kNameMax));
  if (!name.empty() && name[0] == '\0') {
    std::replace(name.begin(), name.end(), '\0', '@');
  } else {
    name.resize(std::min(name.size(), name.find('\0')));
  }
  return name;
}

bool take(std::string_view payload, std::vector<UnixRecord>& out) {
  unix_diag_msg message;
  if (!copy(payload, message) || message.udiag_family != AF_UNIX) return false;
  UnixRecord record;
  if (message.udiag_type == SOCK_STREAM || message.udiag_type == SOCK_SEQPACKET)
    record.state = state_of(message.udiag_state);
  else
    record.state = SocketState::kOther;
  record.inode = message.udiag_ino;
  std::uint8_t shutdown = 0;
  std::size_t at = aligned(sizeof message);
  while (at < payload.size()) {
    nlattr attribute;
    if (!copy(payload.substr(at), attribute)) return false;
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > payload.size() - at) return false;
    const std::string_view value = payload.substr(at, attribute.nla_len).substr(sizeof attribute);
    if (attribute.nla_type == UNIX_DIAG_NAME) record.name = unix_name(value);
    if (attribute.nla_type == UNIX_DIAG_PEER && !copy(value, record.peer)) return false;
    if (attribute.nla_type == UNIX_DIAG_ICONS && message.udiag_state == TCP_LISTEN &&
        value.size() >= sizeof record.peer) {
      record.waiting.resize(value.size() / sizeof record.peer);
      std::memcpy(record.waiting.data(), value.data(), record.waiting.size() * sizeof record.peer);
    }
    if (attribute.nla_type == UNIX_DIAG_SHUTDOWN && !copy(value, shutdown)) return false;
    at += aligned(attribute.nla_len);
  }
  // A unix socket stays ESTABLISHED after its peer has closed; only its shutdown mask shows that (measured).
  if (shutdown == kShutBothWays) record.state = SocketState::kOther;
  out.push_back(std::move(record));
  return true;
}

}  // namespace

template <typename Record>
Result<NetlinkBatch> parse_batch(const std::uint8_t* data, std::size_t size, std::uint32_t sequence,
                                 std::vector<Record>& out) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  NetlinkBatch batch;
  std::size_t at = 0;
  while (at < size) {
    nlmsghdr header;
    if (!copy(bytes.substr(at), header)) return malformed("netlink header cut short");
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > size - at)
      return malformed("netlink message length");
    // One socket serves one request, so any other number is not an answer to it.
    if (header.nlmsg_seq != sequence) return malformed("netlink sequence number");
    if (header.nlmsg_flags & NLM_F_DUMP_INTR) batch.interrupted = true;
    const std::string_view payload = bytes.substr(at, header.nlmsg_len).substr(sizeof header);
    switch (header.nlmsg_type) {
      case NLMSG_NOOP:
        break;
      case NLMSG_ERROR:
      case NLMSG_DONE: {
        // Both carry a negative errno; a dump that fails half-way says so in the latter.
        std::int32_t status = 0;
        if (!copy(payload, status) && header.nlmsg_type == NLMSG_ERROR)
          return malformed("netlink error message too short");
        if (status > 0 || status < -4095) return malformed("netlink status out of range");
        if (status != 0) return Failure{-status, "socket dump"};
        // Error 0 acknowledges the request, which was not asked for, and says nothing about the dump.
        if (header.nlmsg_type == NLMSG_ERROR) return malformed("netlink acknowledgement");
        batch.done = true;
        return batch;
      }
      case NLMSG_OVERRUN:
        return Failure{ENOBUFS, "socket dump lost messages"};
      case SOCK_DIAG_BY_FAMILY:
        if (!take(payload, out)) return malformed("socket record");
        break;
      default:
        return malformed("netlink message type");
    }
    at += aligned(header.nlmsg_len);
  }
  return batch;
}

template Result<NetlinkBatch> parse_batch(const std::uint8_t*, std::size_t, std::uint32_t,
                                          std::vector<TcpRecord>&);
template Result<NetlinkBatch> parse_batch(const std::uint8_t*, std::size_t, std::uint32_t,
                                          std::vector<UnixRecord>&);

std::string endpoint_text(const Endpoint& end) {
  static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  char address[INET6_ADDRSTRLEN] = "?";
  const std::string port = std::to_string(end[16] * 256 + end[17]);
  if (std::memcmp(end.data(), kMapped, sizeof kMapped) == 0) {
    inet_ntop(AF_INET, &end[12], address, sizeof address);
    return std::string(address) + ":" + port;
  }
  inet_ntop(AF_INET6, end.data(), address, sizeof address);
  return "[" + std::string(address) + "]:" + port;
}

}  // namespace reaper
