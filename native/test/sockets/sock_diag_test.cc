// The pure parsers on hand-made, cut and hostile buffers.
#include "core/sockets/sock_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "test/check.h"

using reaper::endpoint_text;
using reaper::parse_batch;
using reaper::SocketState;
using reaper::TcpRecord;
using reaper::UnixRecord;

namespace {

constexpr std::uint32_t kSequence = 7;
using Bytes = std::vector<std::uint8_t>;

template <typename T>
void append(Bytes& bytes, const T& value) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(&value);
  bytes.insert(bytes.end(), data, data + sizeof value);
}

void pad(Bytes& bytes) {
  while (bytes.size() % 4 != 0) bytes.push_back(0);
}

void append_message(Bytes& to, int type, const Bytes& payload, int flags = NLM_F_MULTI,
                    std::uint32_t sequence = kSequence) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + payload.size());
  header.nlmsg_type = static_cast<std::uint16_t>(type);
  header.nlmsg_flags = static_cast<std::uint16_t>(flags);
  header.nlmsg_seq = sequence;
  append(to, header);
  to.insert(to.end(), payload.begin(), payload.end());
  pad(to);
}

Bytes tcp_payload(int family, const Bytes& from, const Bytes& to, std::uint32_t inode,
                  int state = TCP_ESTABLISHED) {
  inet_diag_msg message{};
  message.idiag_family = static_cast<std::uint8_t>(family);
  message.idiag_state = static_cast<std::uint8_t>(state);
  message.idiag_inode = inode;
  message.id.idiag_sport = htons(22);
  message.id.idiag_dport = htons(40123);
  std::memcpy(message.id.idiag_src, from.data(), from.size());
  std::memcpy(message.id.idiag_dst, to.data(), to.size());
  Bytes payload;
  append(payload, message);
  return payload;
}

void append_attribute(Bytes& to, int type, const Bytes& value) {
  nlattr attribute{};
  attribute.nla_len = static_cast<std::uint16_t>(sizeof attribute + value.size());
  attribute.nla_type = static_cast<std::uint16_t>(type);
  append(to, attribute);
  to.insert(to.end(), value.begin(), value.end());
  pad(to);
}

Bytes word(std::uint32_t value) {
  Bytes bytes;
  append(bytes, value);
  return bytes;
}

Bytes text(const std::string& value) { return Bytes(value.begin(), value.end()); }

Bytes unix_payload(std::uint32_t inode, int type = SOCK_STREAM, int state = TCP_ESTABLISHED) {
  unix_diag_msg message{};
  message.udiag_family = AF_UNIX;
  message.udiag_type = static_cast<std::uint8_t>(type);
  message.udiag_state = static_cast<std::uint8_t>(state);
  message.udiag_ino = inode;
  Bytes payload;
  append(payload, message);
  return payload;
}

const Bytes kV4 = {127, 0, 0, 1};
const Bytes kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
const Bytes kV6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

Bytes good_tcp() {
  Bytes bytes;
  append_message(bytes, SOCK_DIAG_BY_FAMILY, tcp_payload(AF_INET, kV4, kV4, 11));
  append_message(bytes, SOCK_DIAG_BY_FAMILY, tcp_payload(AF_INET6, kMapped, kMapped, 12));
  append_message(bytes, SOCK_DIAG_BY_FAMILY, tcp_payload(AF_INET6, kV6, kV6, 13));
  append_message(bytes, SOCK_DIAG_BY_FAMILY, tcp_payload(AF_INET, kV4, kV4, 14, TCP_CLOSE_WAIT));
  append_message(bytes, SOCK_DIAG_BY_FAMILY, tcp_payload(AF_INET, kV4, kV4, 15, TCP_LISTEN));
  append_message(bytes, NLMSG_DONE, word(0));
  return bytes;
}

Bytes good_unix() {
  Bytes bytes, first = unix_payload(21), second = unix_payload(22, SOCK_SEQPACKET), third = unix_payload(23);
  append_attribute(first, UNIX_DIAG_NAME, text("/tmp/code-1.sock\n\x1b[2J"));
  append_attribute(first, UNIX_DIAG_PEER, word(22));
  append_attribute(first, UNIX_DIAG_SHUTDOWN, {0});
  append_attribute(second, UNIX_DIAG_NAME, text(std::string("\0abs\0x", 6)));
  append_attribute(second, 99, text("a later kernel's attribute"));
  append_attribute(second, UNIX_DIAG_PEER, word(21));
  append_attribute(third, UNIX_DIAG_NAME, text(std::string(400, 'p')));
  append_attribute(third, UNIX_DIAG_SHUTDOWN, {1});
  append_message(bytes, SOCK_DIAG_BY_FAMILY, first);
  append_message(bytes, SOCK_DIAG_BY_FAMILY, second);
  append_message(bytes, SOCK_DIAG_BY_FAMILY, third);
  Bytes dead = unix_payload(24);
  append_attribute(dead, UNIX_DIAG_SHUTDOWN, {3});
  append_message(bytes, SOCK_DIAG_BY_FAMILY, dead);
  append_message(bytes, SOCK_DIAG_BY_FAMILY, unix_payload(25, SOCK_DGRAM));
  Bytes listening = unix_payload(26, SOCK_STREAM, TCP_LISTEN), clients = word(31);
  append(clients, std::uint32_t{0});
  append(clients, std::uint32_t{32});
  append_attribute(listening, UNIX_DIAG_ICONS, clients);
  append_message(bytes, SOCK_DIAG_BY_FAMILY, listening);
  append_message(bytes, NLMSG_DONE, word(0));
  return bytes;
}

// A copy of exactly this size on the heap, so that a sanitizer sees a read past its end.
int tcp_code(const Bytes& bytes, std::vector<TcpRecord>& out) {
  const Bytes exact(bytes.begin(), bytes.end());
  const auto result = parse_batch(exact.data(), exact.size(), kSequence, out);
  return result ? 0 : result.failure().code;
}

int tcp_code(const Bytes& bytes) {
  std::vector<TcpRecord> out;
  return tcp_code(bytes, out);
}

int unix_code(const Bytes& bytes) {
  std::vector<UnixRecord> out;
  const auto result = parse_batch(bytes.data(), bytes.size(), kSequence, out);
  return result ? 0 : result.failure().code;
}

void records_are_read() {
  std::vector<TcpRecord> tcp;
  const Bytes bytes = good_tcp();
  const auto result = parse_batch(bytes.data(), bytes.size(), kSequence, tcp);
  CHECK(result.ok() && result.value().done && !result.value().interrupted);
  CHECK(tcp.size() == 5);
  if (tcp.size() == 5) {
    CHECK(tcp[0].state == SocketState::kEstablished && tcp[3].state == SocketState::kOther);
    CHECK(tcp[4].state == SocketState::kListening && tcp[4].inode == 15);
    CHECK(tcp[0].local == tcp[1].local && tcp[0].remote == tcp[1].remote);
    CHECK(tcp[0].inode == 11 && tcp[1].inode == 12 && tcp[2].inode == 13);
    CHECK(endpoint_text(tcp[1].local) == "127.0.0.1:22");
    CHECK(endpoint_text(tcp[2].remote) == "[::1]:40123");
  }
  std::vector<UnixRecord> local;
  const Bytes other = good_unix();
  CHECK(parse_batch(other.data(), other.size(), kSequence, local).ok());
  CHECK(local.size() == 6);
  if (local.size() == 6) {
    CHECK(local[0].waiting.empty() && (local[5].waiting == std::vector<std::uint32_t>{31, 0, 32}));
    CHECK(local[2].state == SocketState::kEstablished && local[5].state == SocketState::kListening);
    // Shut down both ways, and a datagram socket.
    CHECK(local[3].state == SocketState::kOther && local[4].state == SocketState::kOther);
    CHECK(local[0].name == "/tmp/code-1.sock\n\x1b[2J" && local[0].peer == 22);
    CHECK(local[1].name == "@abs@x" && local[1].peer == 21);
    CHECK(local[2].name == std::string(108, 'p') && local[2].peer == 0);
  }
}

void cut_buffers_are_errors_or_unfinished() {
  const Bytes tcp = good_tcp(), local = good_unix();
  for (std::size_t size = 0; size < tcp.size(); ++size) {
    const Bytes part(tcp.begin(), tcp.begin() + static_cast<std::ptrdiff_t>(size));
    std::vector<TcpRecord> out;
    const auto result = parse_batch(part.data(), part.size(), kSequence, out);
    CHECK(result.ok() ? !result.value().done : result.failure().code == EBADMSG);
  }
  for (std::size_t size = 0; size < local.size(); ++size) {
    const Bytes part(local.begin(), local.begin() + static_cast<std::ptrdiff_t>(size));
    std::vector<UnixRecord> out;
    const auto result = parse_batch(part.data(), part.size(), kSequence, out);
    CHECK(result.ok() ? !result.value().done : result.failure().code == EBADMSG);
  }
}

void kernel_errors_are_returned() {
  const auto error = [](int type, int status) {
    Bytes bytes;
    append_message(bytes, type, word(static_cast<std::uint32_t>(status)));
    return bytes;
  };
  CHECK(tcp_code(error(NLMSG_ERROR, -EPERM)) == EPERM);
  CHECK(tcp_code(error(NLMSG_DONE, -ENOENT)) == ENOENT);
  CHECK(tcp_code(error(NLMSG_DONE, 0)) == 0);
  CHECK(tcp_code(error(NLMSG_ERROR, 0)) == EBADMSG);
  CHECK(tcp_code(error(NLMSG_ERROR, 5)) == EBADMSG);
  CHECK(tcp_code(error(NLMSG_ERROR, INT32_MIN)) == EBADMSG);
  CHECK(tcp_code(error(NLMSG_OVERRUN, 0)) == ENOBUFS);
  CHECK(tcp_code(error(4711, 0)) == EBADMSG);
  Bytes bare;
  append_message(bare, NLMSG_ERROR, {});
  CHECK(tcp_code(bare) == EBADMSG);
}

void malformed_messages_are_errors() {
  Bytes foreign;
  append_message(foreign, NLMSG_DONE, word(0), 0, kSequence + 1);
  CHECK(tcp_code(foreign) == EBADMSG);

  for (const std::uint32_t length : {0u, 15u, 4096u, 0xffffffffu, 0xfffffffcu}) {
    Bytes bytes = good_tcp();
    std::memcpy(bytes.data(), &length, sizeof length);
    CHECK(tcp_code(bytes) == EBADMSG);
  }
  Bytes wrong_family;
  append_message(wrong_family, SOCK_DIAG_BY_FAMILY, tcp_payload(AF_UNIX, kV4, kV4, 1));
  CHECK(tcp_code(wrong_family) == EBADMSG);
  CHECK(unix_code(good_tcp()) == EBADMSG);
  CHECK(tcp_code(good_unix()) == EBADMSG);

  for (const int type : {int{UNIX_DIAG_PEER}, int{UNIX_DIAG_SHUTDOWN}}) {
    Bytes payload = unix_payload(1), bytes;
    append_attribute(payload, type, {});
    append_message(bytes, SOCK_DIAG_BY_FAMILY, payload);
    CHECK(unix_code(bytes) == EBADMSG);
  }
  for (const std::uint16_t length : std::initializer_list<std::uint16_t>{0, 3, 9, 0xffff}) {
    Bytes payload = unix_payload(1), bytes;
    append_attribute(payload, UNIX_DIAG_PEER, word(2));
    std::memcpy(&payload[sizeof(unix_diag_msg)], &length, sizeof length);
    append_message(bytes, SOCK_DIAG_BY_FAMILY, payload);
    CHECK(unix_code(bytes) == EBADMSG);
  }
}

void an_interrupted_dump_is_noticed() {
  Bytes bytes;
  append_message(bytes, SOCK_DIAG_BY_FAMILY, tcp_payload(AF_INET, kV4, kV4, 1), NLM_F_DUMP_INTR);
  append_message(bytes, NLMSG_DONE, word(0));
  std::vector<TcpRecord> out;
  const auto result = parse_batch(bytes.data(), bytes.size(), kSequence, out);
  CHECK(result.ok() && result.value().done && result.value().interrupted);
}

}  // namespace

int main() {
  records_are_read();
  cut_buffers_are_errors_or_unfinished();
  kernel_errors_are_returned();
  malformed_messages_are_errors();
  an_interrupted_dump_is_noticed();
  return report("sock_diag");
}
