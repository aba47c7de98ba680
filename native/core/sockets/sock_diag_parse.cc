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

constexpr std::size_t kNameMax = 108;    // sizeof sockaddr_un.sun_path
constexpr int kUnixUid = 7;              // UNIX_DIAG_UID, Linux 5.3
constexpr std::uint8_t kProbeTimer = 4;  // idiag_timer of a socket whose peer takes no data

constexpr std::size_t aligned(std::size_t length) { return (length + 3) & ~std::size_t{3}; }

Failure malformed(const char* what) { return Failure{EBADMSG, what}; }

// Copies a structure from the start of `bytes`; false: they are too few.
template <typename T>
bool copy(std::string_view bytes, T& to) {
  if (bytes.size() < sizeof to) return false;
  std::memcpy(&to, bytes.data(), sizeof to);
  return true;
}

// Calls `each` with the type and value of every attribute; false: malformed.
template <typename Each>
bool each_attribute(std::string_view bytes, Each each) {
  for (std::size_t at = 0; at < bytes.size();) {
    nlattr attribute;
    if (!copy(bytes.substr(at), attribute)) return false;
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > bytes.size() - at) return false;
    if (!each(attribute.nla_type, bytes.substr(at, attribute.nla_len).substr(sizeof attribute))) return false;
    at += aligned(attribute.nla_len);
  }
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

// The kernel's structure grows at its end, so only what is needed must be there (52 to 60 bytes; 4.18 has
// more). A client that is alive and does not read answers the probes of unsent data.
std::optional<std::uint32_t> idle_of(std::string_view info, const inet_diag_msg& message) {
  const auto read = [info](std::size_t offset, std::uint32_t& to) {
    return info.size() > offset && copy(info.substr(offset), to);
  };
  std::uint32_t sent = 0, received = 0, answered = 0;
  if (!read(offsetof(tcp_info, tcpi_last_data_sent), sent)) return std::nullopt;
  if (!read(offsetof(tcp_info, tcpi_last_data_recv), received)) return std::nullopt;
  if (!read(offsetof(tcp_info, tcpi_last_ack_recv), answered)) return std::nullopt;
  const bool probed = message.idiag_timer == kProbeTimer && message.idiag_wqueue > 0;
  return std::min({sent, received, probed ? answered : sent});
}

bool take(std::string_view payload, std::vector<TcpRecord>& out) {
  inet_diag_msg message;
  if (!copy(payload, message)) return false;
  if (message.idiag_family != AF_INET && message.idiag_family != AF_INET6) return false;
  TcpRecord record;
  record.state = message.idiag_state;
  record.local = endpoint(message.idiag_family, message.id.idiag_src, message.id.idiag_sport);
  record.remote = endpoint(message.idiag_family, message.id.idiag_dst, message.id.idiag_dport);
  record.device = message.id.idiag_if;
  record.inode = message.idiag_inode;
  record.uid = message.idiag_uid;
  const std::string_view rest = payload.substr(std::min(aligned(sizeof message), payload.size()));
  if (!each_attribute(rest, [&](int type, std::string_view value) {
        if (type == INET_DIAG_INFO) record.idle = idle_of(value, message);
        if (type == INET_DIAG_SKV6ONLY) record.v6_only = !value.empty() && value[0] != 0;
        return true;
      }))
    return false;
  out.push_back(record);
  return true;
}

bool take(std::string_view payload, std::vector<UnixRecord>& out) {
  unix_diag_msg message;
  if (!copy(payload, message) || message.udiag_family != AF_UNIX) return false;
  UnixRecord record;
  record.inode = message.udiag_ino;
  record.type = message.udiag_type;
  record.state = message.udiag_state;
  const std::string_view rest = payload.substr(std::min(aligned(sizeof message), payload.size()));
  if (!each_attribute(rest, [&](int type, std::string_view value) {
        std::uint32_t uid = 0;
        switch (type) {
          case UNIX_DIAG_NAME:
            record.name = value.substr(0, kNameMax);
            if (record.name[0] != '\0')
              record.name.resize(std::min(record.name.size(), record.name.find('\0')));
            if (record.key.empty()) record.key = record.name;
            return true;
          case UNIX_DIAG_VFS:
            // A file is known by its inode and device; no abstract name begins with a slash.
            record.key = "/" + std::string(value);
            return value.size() >= sizeof(unix_diag_vfs);
          case UNIX_DIAG_RQLEN:
            return copy(value, record.queue);
          case UNIX_DIAG_PEER:
            return copy(value, record.peer);
          case UNIX_DIAG_SHUTDOWN:
            return copy(value, record.shutdown);
          case UNIX_DIAG_ICONS:
            record.waiting.resize(value.size() / sizeof record.peer);
            std::memcpy(record.waiting.data(), value.data(), record.waiting.size() * sizeof record.peer);
            return true;
          case kUnixUid:
            if (copy(value, uid)) record.uid = uid;
            return record.uid.has_value();
          default:
            return true;
        }
      }))
    return false;
  out.push_back(std::move(record));
  return true;
}

}  // namespace

template <typename Record>
Result<NetlinkBatch> parse_batch(const std::uint8_t* data, std::size_t size, std::vector<Record>& out) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  NetlinkBatch batch;
  std::size_t at = 0;
  while (at < size) {
    nlmsghdr header;
    if (!copy(bytes.substr(at), header)) return malformed("netlink header cut short");
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > size - at)
      return malformed("netlink message length");
    if (header.nlmsg_seq != kSequence) return malformed("netlink sequence number");
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

template Result<NetlinkBatch> parse_batch(const std::uint8_t*, std::size_t, std::vector<TcpRecord>&);
template Result<NetlinkBatch> parse_batch(const std::uint8_t*, std::size_t, std::vector<UnixRecord>&);

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
