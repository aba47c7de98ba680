#include "core/sockets/sock_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

#include "core/base/fd.h"

namespace reaper {
namespace {

constexpr int kAttempts = 3;
// The kernel fills at most 32 KiB a message of a dump, however large the buffer (netlink_recvmsg).
constexpr std::size_t kReceiveBytes = 64 * 1024;
constexpr std::uint32_t kEstablished = 1u << TCP_ESTABLISHED;
constexpr std::uint32_t kListening = 1u << TCP_LISTEN;

Failure malformed(const char* what) { return Failure{EBADMSG, what}; }

Result<NetlinkBatch> parse(const std::uint8_t* data, std::size_t size, std::uint32_t sequence,
                           std::vector<TcpRecord>& out) {
  return parse_tcp_batch(data, size, sequence, out);
}

Result<NetlinkBatch> parse(const std::uint8_t* data, std::size_t size, std::uint32_t sequence,
                           std::vector<UnixRecord>& out) {
  return parse_unix_batch(data, size, sequence, out);
}

struct Attempt {
  NetlinkBatch batch;
  Failure failure{0, {}};
};

Attempt failed(const char* what) { return Attempt{{}, Failure{errno, what}}; }

// A fresh socket for each attempt: nothing left over from an earlier one can be taken for an answer.
template <typename Record, typename Request>
Attempt attempt(const Request& body, std::vector<Record>& out) {
  constexpr std::uint32_t kSequence = 1;
  const UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd.valid()) return failed("socket NETLINK_SOCK_DIAG");
  // The kernel answers at once; the limit is for a kernel that does not, since a sweep may not hang here.
  const timeval limit{5, 0};
  if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0) return failed("SO_RCVTIMEO");
  struct {
    nlmsghdr header;
    Request body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = kSequence;
  request.body = body;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (sendto(fd.get(), &request, sizeof request, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0)
    return failed("send socket dump request");

  std::vector<std::uint8_t> buffer(kReceiveBytes);
  Attempt result;
  while (!result.batch.done) {
    sockaddr_nl sender{};
    iovec part{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &sender;
    message.msg_namelen = sizeof sender;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t got = recvmsg(fd.get(), &message, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("receive socket dump");
    // Another process may send to our port; only the kernel (port 0) is believed.
    if (message.msg_namelen != sizeof sender || sender.nl_pid != 0) continue;
    if (message.msg_flags & MSG_TRUNC) return Attempt{{}, malformed("socket dump message too long")};
    if (got == 0) return Attempt{{}, malformed("socket dump ended early")};
    auto batch = parse(buffer.data(), static_cast<std::size_t>(got), kSequence, out);
    if (!batch) return Attempt{{}, batch.failure()};
    result.batch.done = batch.value().done;
    result.batch.interrupted |= batch.value().interrupted;
  }
  return result;
}

// Refused by a sandbox or a missing module (the kernel says ENOENT when it has no handler for the family).
bool is_refusal(int code) {
  return code == EPERM || code == EACCES || code == EPROTONOSUPPORT || code == EAFNOSUPPORT ||
         code == EOPNOTSUPP || code == ENOENT;
}

template <typename Record, typename Request>
DumpEnd dump(const Request& body, std::vector<Record>& out) {
  const std::size_t before = out.size();
  for (int turn = 1;; ++turn) {
    Attempt result = attempt(body, out);
    if (result.failure.code != 0) return DumpEnd{false, is_refusal(result.failure.code), result.failure};
    if (!result.batch.interrupted) return DumpEnd{true, false, {0, {}}};
    if (turn == kAttempts) return DumpEnd{false, false, {EINTR, "socket dump interrupted every time"}};
    out.resize(before);
  }
}

DumpEnd dump_tcp_in(std::uint32_t states, int family, std::vector<TcpRecord>& out) {
  inet_diag_req_v2 request{};
  request.sdiag_family = static_cast<std::uint8_t>(family);
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = states;
  return dump(request, out);
}

DumpEnd dump_unix_in(std::uint32_t states, std::uint32_t show, std::vector<UnixRecord>& out) {
  unix_diag_req request{};
  request.sdiag_family = AF_UNIX;
  request.udiag_states = states;
  request.udiag_show = show;
  return dump(request, out);
}

}  // namespace

DumpEnd dump_tcp(int family, std::vector<TcpRecord>& out) { return dump_tcp_in(kEstablished, family, out); }

DumpEnd dump_unix(std::vector<UnixRecord>& out) {
  return dump_unix_in(kEstablished, UDIAG_SHOW_PEER | UDIAG_SHOW_NAME, out);
}

DumpEnd dump_tcp_listening(int family, std::vector<TcpRecord>& out) {
  return dump_tcp_in(kListening, family, out);
}

DumpEnd dump_unix_listening(std::vector<UnixRecord>& out) {
  return dump_unix_in(kListening, UDIAG_SHOW_ICONS | UDIAG_SHOW_NAME, out);
}

}  // namespace reaper
