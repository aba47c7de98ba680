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
constexpr std::uint32_t kSequence = 1;
// The kernel fills at most 32 KiB of a dump's message, however large the buffer (netlink_recvmsg).
constexpr std::size_t kReceiveBytes = 64 * 1024;
// TCP_NEW_SYN_RECV (12) is the kernel's own name for a half-open connection.
constexpr std::uint32_t kWithDescriptor = ~((1u << TCP_TIME_WAIT) | (1u << TCP_SYN_RECV) | (1u << 12));
constexpr std::uint16_t kRequestProtocol = 1;  // INET_DIAG_REQ_PROTOCOL, Linux 5.8

struct TcpRequest {
  inet_diag_req_v2 body{};
  nlattr attribute{};
  std::uint32_t protocol = 0;
};

// One request and its answer. A fresh socket for each: nothing left over from an earlier one can be taken for
// an answer.
class Query {
 public:
  template <typename Request>
  std::optional<Failure> send(const Request& body, int flags) {
    fd_ = UniqueFd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!fd_.valid()) return Failure{errno, "socket NETLINK_SOCK_DIAG"};
    // The kernel answers at once; the limit keeps the sweep from hanging on one that does not.
    const timeval limit{5, 0};
    if (setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
      return Failure{errno, "SO_RCVTIMEO"};
    struct {
      nlmsghdr header;
      Request body;
    } request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    request.header.nlmsg_seq = kSequence;
    request.body = body;
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    if (sendto(fd_.get(), &request, sizeof request, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) <
        0)
      return Failure{errno, "send socket request"};
    return std::nullopt;
  }

  template <typename Record>
  Result<NetlinkBatch> receive(std::vector<Record>& out) {
    for (;;) {
      sockaddr_nl sender{};
      socklen_t length = sizeof sender;
      const ssize_t got = recvfrom(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC,
                                   reinterpret_cast<sockaddr*>(&sender), &length);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Failure{errno, "receive sockets"};
      // Guard: another process may send to this port; only the kernel (port 0) is believed.
      if (length != sizeof sender || sender.nl_pid != 0) continue;
      if (static_cast<std::size_t>(got) > buffer_.size()) return Failure{EBADMSG, "socket message too long"};
      if (got == 0) return Failure{EBADMSG, "socket dump ended early"};
      return parse_batch(buffer_.data(), static_cast<std::size_t>(got), kSequence, out);
    }
  }

 private:
  UniqueFd fd_;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(kReceiveBytes);
};

// An interrupted dump starts again, and hands its records over again.
template <typename Record, typename Request, typename OnBatch>
DumpEnd dump(const Request& body, const OnBatch& on_batch) {
  for (int turn = 0; turn < kAttempts; ++turn) {
    Query query;
    if (auto failure = query.send(body, NLM_F_DUMP)) return failure;
    bool interrupted = false;
    for (bool done = false; !done;) {
      std::vector<Record> records;
      const auto batch = query.receive(records);
      on_batch(records);
      if (!batch) return batch.failure();
      done = batch.value().done;
      interrupted |= batch.value().interrupted;
    }
    if (!interrupted) return std::nullopt;
  }
  return Failure{EINTR, "socket dump interrupted every time"};
}

}  // namespace

// A sandbox refuses, or a module is missing (the kernel says ENOENT when it has no handler for the family).
bool is_refusal(const Failure& failure) {
  const int code = failure.code;
  return code == EPERM || code == EACCES || code == EPROTONOSUPPORT || code == EAFNOSUPPORT ||
         code == EOPNOTSUPP || code == ENOENT;
}

DumpEnd dump_tcp(int family, int protocol, const OnTcp& on_batch) {
  TcpRequest request;
  request.body.sdiag_family = static_cast<std::uint8_t>(family);
  request.body.sdiag_protocol = static_cast<std::uint8_t>(protocol);  // MPTCP (262) does not fit: TCP there
  request.body.idiag_states = kWithDescriptor;
  if (protocol == IPPROTO_TCP) return dump<TcpRecord>(request.body, on_batch);
  request.attribute.nla_len = sizeof request.attribute + sizeof request.protocol;
  request.attribute.nla_type = kRequestProtocol;
  request.protocol = static_cast<std::uint32_t>(protocol);
  return dump<TcpRecord>(request, on_batch);
}

DumpEnd dump_unix(UnixDump what, const OnUnix& on_batch) {
  unix_diag_req request{};
  request.sdiag_family = AF_UNIX;
  request.udiag_states = what == UnixDump::kQueues ? 1u << TCP_LISTEN : ~0u;
  request.udiag_show = what == UnixDump::kQueues ? UDIAG_SHOW_ICONS : UDIAG_SHOW_PEER | UDIAG_SHOW_NAME;
  return dump<UnixRecord>(request, on_batch);
}

Result<UnixRecord> find_unix(std::uint32_t inode) {
  unix_diag_req request{};
  request.sdiag_family = AF_UNIX;
  request.udiag_states = ~0u;
  request.udiag_ino = inode;
  request.udiag_show = UDIAG_SHOW_PEER | UDIAG_SHOW_NAME | UDIAG_SHOW_ICONS;
  request.udiag_cookie[0] = request.udiag_cookie[1] = INET_DIAG_NOCOOKIE;
  Query query;
  if (const auto failure = query.send(request, 0)) return *failure;
  std::vector<UnixRecord> records;
  const auto batch = query.receive(records);
  if (!batch) return batch.failure();
  if (records.size() != 1 || records[0].inode != inode)
    return Failure{EBADMSG, "answer about one unix socket"};
  return std::move(records[0]);
}

}  // namespace reaper
