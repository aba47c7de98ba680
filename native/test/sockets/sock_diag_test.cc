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

#include "core/sockets/socket_table.h"
#include "test/check.h"

using reaper::count_proc_unix;
using reaper::endpoint_text;
using reaper::parse_proc_tcp;
using reaper::parse_tcp_batch;
using reaper::parse_unix_batch;
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
  const auto result = parse_tcp_batch(exact.data(), exact.size(), kSequence, out);
  return result ? 0 : result.failure().code;
}

int tcp_code(const Bytes& bytes) {
  std::vector<TcpRecord> out;
  return tcp_code(bytes, out);
}

int unix_code(const Bytes& bytes) {
  std::vector<UnixRecord> out;
  const auto result = parse_unix_batch(bytes.data(), bytes.size(), kSequence, out);
  return result ? 0 : result.failure().code;
}

void records_are_read() {
  std::vector<TcpRecord> tcp;
  const Bytes bytes = good_tcp();
  const auto result = parse_tcp_batch(bytes.data(), bytes.size(), kSequence, tcp);
  CHECK(result.ok() && result.value().done && !result.value().interrupted);
  CHECK(tcp.size() == 4);
  if (tcp.size() == 4) {
    CHECK(!tcp[0].listening && !tcp[2].listening && tcp[3].listening && tcp[3].inode == 15);
    CHECK(tcp[0].local == tcp[1].local && tcp[0].remote == tcp[1].remote);
    CHECK(tcp[0].inode == 11 && tcp[1].inode == 12 && tcp[2].inode == 13);
    CHECK(endpoint_text(tcp[1].local) == "127.0.0.1:22");
    CHECK(endpoint_text(tcp[2].remote) == "[::1]:40123");
  }
  std::vector<UnixRecord> local;
  const Bytes other = good_unix();
  CHECK(parse_unix_batch(other.data(), other.size(), kSequence, local).ok());
  CHECK(local.size() == 4);
  if (local.size() == 4) {
    CHECK(local[0].waiting.empty() && (local[3].waiting == std::vector<std::uint32_t>{31, 0, 32}));
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
    const auto result = parse_tcp_batch(part.data(), part.size(), kSequence, out);
    CHECK(result.ok() ? !result.value().done : result.failure().code == EBADMSG);
  }
  for (std::size_t size = 0; size < local.size(); ++size) {
    const Bytes part(local.begin(), local.begin() + static_cast<std::ptrdiff_t>(size));
    std::vector<UnixRecord> out;
    const auto result = parse_unix_batch(part.data(), part.size(), kSequence, out);
    CHECK(result.ok() ? !result.value().done : result.failure().code == EBADMSG);
  }
}

void kernel_errors_are_told() {
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
  const auto result = parse_tcp_batch(bytes.data(), bytes.size(), kSequence, out);
  CHECK(result.ok() && result.value().done && result.value().interrupted);
}

constexpr char kTcpHead[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";

void proc_files_are_read() {
  const std::string tcp =
      std::string(kTcpHead) +
      "   0: 0100007F:0016 0100007F:9CBB 01 00000000:00000000 02:000A9D5B 00000000     0        0 4711 2 0 "
      "20\n"
      "   1: 0000000000000000FFFF00000100007F:9CBB 0000000000000000FFFF00000100007F:0016 01 "
      "00000000:00000000 "
      "00:00000000 00000000  1000        0 4712 1 0\n"
      "   2: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0\n";
  const auto records = parse_proc_tcp(tcp);
  CHECK(records.ok() && records.value().size() == 2);
  if (records.ok() && records.value().size() == 2) {
    CHECK(records.value()[0].inode == 4711 && records.value()[1].inode == 4712);
    CHECK(endpoint_text(records.value()[0].local) == "127.0.0.1:22");
    CHECK(records.value()[0].local == records.value()[1].remote);
    CHECK(records.value()[0].remote == records.value()[1].local);
  }
  CHECK(parse_proc_tcp(kTcpHead).ok());
  CHECK(!parse_proc_tcp("").ok());
  for (std::size_t size = sizeof kTcpHead; size < tcp.size(); ++size)
    if (tcp[size - 1] != '\n') CHECK(!parse_proc_tcp(std::string_view(tcp).substr(0, size)).ok());
  for (const char* line : {"x\n", "0: 0100007F:0016 0100007F:ZZ 01 0 0 0 0 0 1\n",
                           "0: 0100007F:00016 0100007:9CBB 01 0 0 0 0 0 1\n",
                           "0: 0100007F:10016 0100007F:9CBB 01 0 0 0 0 0 1\n", "\n"})
    CHECK(!parse_proc_tcp(std::string(kTcpHead) + line).ok());

  const auto count = count_proc_unix(
      "Num RefCount Protocol Flags Type St Inode Path\n"
      "0000000000000000: 00000003 00000000 00000000 0001 03 19500 /run/x\nhostile: a b c 0001 9 line\n"
      "0000000000000000: 00000002 00000000 00010000 0001 01 19501 /run/listening\n"
      "0000000000000000: 00000003 00000000 00000000 0002 03 19502\n"
      "0000000000000000: 00000003 00000000 00000000 0005 03 19503\n");
  CHECK(count.ok() && count.value() == 2);
}

}  // namespace

int main() {
  records_are_read();
  cut_buffers_are_errors_or_unfinished();
  kernel_errors_are_told();
  malformed_messages_are_errors();
  an_interrupted_dump_is_noticed();
  proc_files_are_read();
  return report("sock_diag");
}
