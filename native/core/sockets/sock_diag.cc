#include "core/sockets/sock_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/base/fd.h"

namespace reaper {
namespace {

// The kernel fills at most 32 KiB of a dump's message, however large the buffer (netlink_recvmsg).
constexpr std::size_t kReceiveBytes = 64 * 1024;
constexpr int kUnixUid = 7, kShowUid = 0x40;  // UNIX_DIAG_UID, Linux 5.3; earlier ones ignore the wish
constexpr int kShowUnix = UDIAG_SHOW_PEER | UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | kShowUid;
constexpr std::uint8_t kProbeTimer = 4;  // idiag_timer of a socket whose peer takes no data

// Copies a structure from a place in `bytes`; false: they are too few.
template <typename T>
bool copy(std::string_view bytes, T& to, std::size_t at = 0) {
  if (bytes.size() < at + sizeof to) return false;
  std::memcpy(&to, bytes.data() + at, sizeof to);
  return true;
}

// The values behind the first `at` bytes by their types, those without data that are missing; nullopt:
// malformed. Later kernels' types are left out.
using Attributes = std::array<std::string_view, 16>;
std::optional<Attributes> attributes_of(std::string_view bytes, std::size_t at) {
  Attributes values;
  for (nlattr head; at < bytes.size(); at += NLA_ALIGN(head.nla_len)) {
    if (!copy(bytes, head, at) || head.nla_len < sizeof head || head.nla_len > bytes.size() - at)
      return std::nullopt;
    if (head.nla_type < values.size())
      values[head.nla_type] = bytes.substr(at + sizeof head, head.nla_len - sizeof head);
  }
  return values;
}

Place tcp_place(std::uint8_t family, const void* address, std::uint16_t port_be) {
  static constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  std::string_view host(static_cast<const char*>(address), family == AF_INET ? 4 : 16);
  if (host.substr(0, kMapped.size()) == kMapped) host.remove_prefix(kMapped.size());
  Place place(host.size() == 4 ? "4" : "6");
  if (host.find_first_not_of('\0') != host.npos) place += host;
  return place.append(reinterpret_cast<const char*>(&port_be), sizeof port_be);
}

// The kernel's structure grows at its end, so it may be shorter than this one. A client that is alive and
// does not read answers the probes of unsent data.
std::optional<std::uint32_t> idle_of(std::string_view info, const inet_diag_msg& message) {
  std::uint32_t sent = 0, received = 0, answered = 0;
  if (!copy(info, sent, offsetof(tcp_info, tcpi_last_data_sent)) ||
      !copy(info, received, offsetof(tcp_info, tcpi_last_data_recv)) ||
      !copy(info, answered, offsetof(tcp_info, tcpi_last_ack_recv)))
    return std::nullopt;
  const bool probed = message.idiag_timer == kProbeTimer && message.idiag_wqueue > 0;
  return std::min({sent, received, probed ? answered : sent});
}

bool parse_tcp(std::string_view payload, SocketRecord& record) {
  inet_diag_msg message;
  const auto attributes = attributes_of(payload, sizeof message);
  if (!copy(payload, message) || !attributes) return false;
  record.is_tcp = true;
  record.place = record.end = tcp_place(message.idiag_family, message.id.idiag_src, message.id.idiag_sport);
  record.far = tcp_place(message.idiag_family, message.id.idiag_dst, message.id.idiag_dport);
  const bool is_any6 = record.place[0] == '6' && record.place.size() == 3;
  if (is_any6 && (*attributes)[INET_DIAG_SKV6ONLY].substr(0, 1) != "\1") record.place[0] = '*';
  record.device = message.id.idiag_if;
  record.inode = message.idiag_inode;
  if (record.inode != 0) record.uid = message.idiag_uid;
  record.state = message.idiag_state;
  record.idle = idle_of((*attributes)[INET_DIAG_INFO], message);
  return true;
}

bool parse_unix(std::string_view payload, SocketRecord& record) {
  unix_diag_msg message;
  const auto attributes = attributes_of(payload, sizeof message);
  if (!copy(payload, message) || !attributes) return false;
  record.inode = message.udiag_ino;
  record.type = message.udiag_type;
  record.state = message.udiag_state;
  const auto read = [&](int type, auto& to) {
    const std::string_view value = (*attributes)[static_cast<std::size_t>(type)];
    return value.data() == nullptr || copy(value, to);
  };
  uid_t uid = 0;
  unix_diag_vfs file{};
  if (!read(UNIX_DIAG_PEER, record.peer) || !read(UNIX_DIAG_SHUTDOWN, record.shutdown) ||
      !read(UNIX_DIAG_RQLEN, record.queue) || !read(kUnixUid, uid) || !read(UNIX_DIAG_VFS, file))
    return false;
  if ((*attributes)[kUnixUid].data() != nullptr) record.uid = uid;
  record.name = (*attributes)[UNIX_DIAG_NAME];
  if (record.name[0] != '\0') record.name.resize(std::min(record.name.size(), record.name.find('\0')));
  if (!record.name.empty()) record.place = "@" + record.name;
  if (const auto place = (*attributes)[UNIX_DIAG_VFS]; !place.empty())
    record.place = "/" + std::string(place);
  constexpr std::size_t kClient = sizeof record.peer;
  for (auto left = (*attributes)[UNIX_DIAG_ICONS]; left.size() >= kClient; left.remove_prefix(kClient))
    copy(left, record.waiting.emplace_back());
  record.end = unix_end(record.inode);
  record.far = unix_end(record.peer);
  return true;
}

// An exact question (`flags` 0) has one message for an answer.
template <typename Body>
std::optional<Failure> request(const AskKernel& ask, const Body& body, int flags, const OnRecord& on_record) {
  nlmsghdr header{sizeof header + sizeof body, SOCK_DIAG_BY_FAMILY, 0, kSequence, 0};
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(reinterpret_cast<const char*>(&body), sizeof body);
  Result<bool> done = false;
  const auto lost = ask(bytes, [&](std::string_view buffer) {
    done = parse_buffer(body.sdiag_family, buffer, on_record);
    return done && !done.value() && flags != 0;
  });
  if (lost || !done) return lost ? lost : done.failure();
  return done.value() || flags == 0 ? std::nullopt
                                    : std::optional(Failure{EBADMSG, "socket dump ended early"});
}

}  // namespace

Result<bool> parse_buffer(int family, std::string_view bytes, const OnRecord& on_record) {
  nlmsghdr header;
  for (std::size_t at = 0; at < bytes.size(); at += NLMSG_ALIGN(header.nlmsg_len)) {
    if (!copy(bytes, header, at) || header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size() - at)
      return Failure{EBADMSG, "netlink message cut short"};
    if (header.nlmsg_seq != kSequence) return Failure{EBADMSG, "netlink sequence number"};
    if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) return Failure{EINTR, "socket dump"};
    const std::string_view payload = bytes.substr(at + sizeof header, header.nlmsg_len - sizeof header);
    if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY) {
      SocketRecord record;
      // The first byte of either structure is the family.
      if (!(family == AF_UNIX ? parse_unix : parse_tcp)(payload, record) || payload[0] != family)
        return Failure{EBADMSG, "socket record"};
      on_record(record);
      continue;
    }
    // Both carry a negative errno; a dump that fails half-way says so in NLMSG_DONE. Error 0 acknowledges the
    // request, which was not asked for, and says nothing about the dump.
    const bool is_error = header.nlmsg_type == NLMSG_ERROR;
    std::int32_t status = 0;
    if ((!is_error && header.nlmsg_type != NLMSG_DONE) || !copy(payload, status) || status > 0 ||
        status < -4095 || (is_error && status == 0))
      return Failure{EBADMSG, "netlink message"};
    if (status != 0) return Failure{-status, "socket dump"};
    return true;
  }
  return false;
}

std::optional<Failure> ask_kernel(const std::string& request, const OnBuffer& on_buffer) {
  const UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd.valid()) return Failure{errno, "socket NETLINK_SOCK_DIAG"};
  // The kernel answers at once; the limit keeps the sweep from hanging on one that does not.
  const timeval limit{5, 0};
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
      sendto(fd.get(), request.data(), request.size(), 0, reinterpret_cast<sockaddr*>(&kernel),
             sizeof kernel) < 0)
    return Failure{errno, "send socket request"};
  std::string buffer(kReceiveBytes, '\0');
  for (;;) {
    sockaddr_nl sender{};
    socklen_t length = sizeof sender;
    const ssize_t got = recvfrom(fd.get(), buffer.data(), buffer.size(), MSG_TRUNC,
                                 reinterpret_cast<sockaddr*>(&sender), &length);
    if (got < 0) return Failure{errno, "receive sockets"};
    // Guard: another process may send to this port; only the kernel (port 0) is believed.
    if (sender.nl_pid != 0) continue;
    const auto size = static_cast<std::size_t>(got);
    if (size > buffer.size()) return Failure{EBADMSG, "socket message too long"};
    if (!on_buffer(std::string_view(buffer).substr(0, size))) return std::nullopt;
  }
}

std::optional<Failure> dump_sockets(const AskKernel& ask, int family, std::uint32_t states,
                                    const OnRecord& on_record) {
  if (family == AF_UNIX) {
    unix_diag_req body{};
    body.sdiag_family = AF_UNIX;
    body.udiag_states = states;
    body.udiag_show = kShowUnix | UDIAG_SHOW_RQLEN;
    return request(ask, body, NLM_F_DUMP, on_record);
  }
  // MPTCP listeners and subflows are in this list, with the MPTCP socket's inode.
  inet_diag_req_v2 body{};
  body.sdiag_family = static_cast<std::uint8_t>(family);
  body.sdiag_protocol = IPPROTO_TCP;
  body.idiag_ext = 1 << (INET_DIAG_INFO - 1);
  body.idiag_states = states;
  return request(ask, body, NLM_F_DUMP, on_record);
}

std::optional<Failure> find_unix(const AskKernel& ask, std::uint32_t inode, SocketRecord& found) {
  unix_diag_req body{};
  body.sdiag_family = AF_UNIX;
  body.udiag_ino = inode;
  body.udiag_show = kShowUnix | UDIAG_SHOW_ICONS;
  body.udiag_cookie[0] = body.udiag_cookie[1] = INET_DIAG_NOCOOKIE;
  const auto failure = request(ask, body, 0, [&found](auto& record) { found = record; });
  return failure || found.inode == inode ? failure : Failure{EBADMSG, "answer about one unix socket"};
}

std::string place_text(const Place& tcp) {
  if (tcp.size() < 7) return "*";
  char address[INET6_ADDRSTRLEN] = "";
  const std::string port = std::to_string(port_of(tcp));
  inet_ntop(tcp[0] == '4' ? AF_INET : AF_INET6, &tcp[1], address, sizeof address);
  return (tcp[0] == '4' ? std::string(address) : "[" + std::string(address) + "]") + ":" + port;
}

}  // namespace reaper
