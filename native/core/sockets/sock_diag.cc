#include "core/sockets/sock_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

#include "core/base/fd.h"

namespace reaper {
namespace {

constexpr int kAttempts = 3;
// The kernel fills at most 32 KiB of a dump's message, however large the buffer (netlink_recvmsg).
constexpr std::size_t kReceiveBytes = 64 * 1024;
constexpr std::uint32_t kShowUid = 0x40;  // UDIAG_SHOW_UID, Linux 5.3; earlier ones ignore it

template <typename Body>
std::string request_of(const Body& body, int flags) {
  nlmsghdr header{};
  header.nlmsg_len = sizeof header + sizeof body;
  header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = kSequence;
  std::string request(reinterpret_cast<const char*>(&header), sizeof header);
  return request.append(reinterpret_cast<const char*>(&body), sizeof body);
}

template <typename Record, typename Body, typename OnBatch>
std::optional<Failure> dump(const AskKernel& ask, const Body& body, const OnBatch& on_batch) {
  for (int turn = 0; turn < kAttempts; ++turn) {
    bool done = false, interrupted = false;
    std::optional<Failure> failure;
    const auto lost = ask(request_of(body, NLM_F_DUMP), [&](const std::uint8_t* data, std::size_t size) {
      std::vector<Record> records;
      const auto batch = parse_batch(data, size, records);
      on_batch(records);
      if (!batch) failure = batch.failure();
      done = batch && batch.value().done;
      interrupted |= batch && batch.value().interrupted;
      return batch && !done;
    });
    if (failure || lost) return failure ? failure : lost;
    if (!done) return Failure{EBADMSG, "socket dump ended early"};
    if (!interrupted) return std::nullopt;
  }
  return Failure{EINTR, "socket dump interrupted every time"};
}

}  // namespace

std::optional<Failure> ask_kernel(const std::string& request, const OnBuffer& on_buffer) {
  // A new socket each time: nothing left over from an earlier request can be taken for an answer.
  const UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd.valid()) return Failure{errno, "socket NETLINK_SOCK_DIAG"};
  // The kernel answers at once; the limit keeps the sweep from hanging on one that does not.
  const timeval limit{5, 0};
  if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
    return Failure{errno, "SO_RCVTIMEO"};
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (sendto(fd.get(), request.data(), request.size(), 0, reinterpret_cast<sockaddr*>(&kernel),
             sizeof kernel) < 0)
    return Failure{errno, "send socket request"};
  std::vector<std::uint8_t> buffer(kReceiveBytes);
  for (;;) {
    sockaddr_nl sender{};
    socklen_t length = sizeof sender;
    const ssize_t got = recvfrom(fd.get(), buffer.data(), buffer.size(), MSG_TRUNC,
                                 reinterpret_cast<sockaddr*>(&sender), &length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failure{errno, "receive sockets"};
    // Guard: another process may send to this port; only the kernel (port 0) is believed.
    if (length != sizeof sender || sender.nl_pid != 0) continue;
    if (static_cast<std::size_t>(got) > buffer.size()) return Failure{EBADMSG, "socket message too long"};
    if (got == 0 || !on_buffer(buffer.data(), static_cast<std::size_t>(got))) return std::nullopt;
  }
}

std::optional<Failure> dump_tcp(const AskKernel& ask, int family, std::uint32_t states,
                                const OnTcp& on_batch) {
  // MPTCP listeners and subflows are in this list, with the MPTCP socket's inode.
  inet_diag_req_v2 request{};
  request.sdiag_family = static_cast<std::uint8_t>(family);
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_ext = 1 << (INET_DIAG_INFO - 1);
  request.idiag_states = states;
  return dump<TcpRecord>(ask, request, on_batch);
}

std::optional<Failure> dump_unix(const AskKernel& ask, std::uint32_t states, const OnUnix& on_batch) {
  unix_diag_req request{};
  request.sdiag_family = AF_UNIX;
  request.udiag_states = states;
  request.udiag_show = UDIAG_SHOW_PEER | UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_RQLEN | kShowUid;
  return dump<UnixRecord>(ask, request, on_batch);
}

Result<UnixRecord> find_unix(const AskKernel& ask, std::uint32_t inode) {
  unix_diag_req request{};
  request.sdiag_family = AF_UNIX;
  request.udiag_states = ~0u;
  request.udiag_ino = inode;
  request.udiag_show = UDIAG_SHOW_PEER | UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_ICONS | kShowUid;
  request.udiag_cookie[0] = request.udiag_cookie[1] = INET_DIAG_NOCOOKIE;
  std::vector<UnixRecord> records;
  std::optional<Failure> failure;
  const auto lost = ask(request_of(request, 0), [&](const std::uint8_t* data, std::size_t size) {
    if (const auto batch = parse_batch(data, size, records); !batch) failure = batch.failure();
    return false;
  });
  if (failure || lost) return failure ? *failure : *lost;
  if (records.size() != 1 || records[0].inode != inode)
    return Failure{EBADMSG, "answer about one unix socket"};
  return std::move(records[0]);
}

}  // namespace reaper
