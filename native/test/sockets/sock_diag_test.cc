// The kernel's answers: cut, hostile, refused or interrupted.
#include <signal.h>
#include <sys/wait.h>

#include "test/child.h"
#include "test/refuse.h"
#include "test/sockets/kernel.h"

using namespace reaper;

namespace {

// What recvfrom(2) answers in place of the kernel.
std::function<ssize_t(char* to, sockaddr_nl* sender)> g_answer;

}  // namespace

extern "C" ssize_t recvfrom(int fd, void* to, size_t size, int flags, sockaddr* from, socklen_t* length) {
  CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  if (g_answer) return g_answer(static_cast<char*>(to), reinterpret_cast<sockaddr_nl*>(from));
  return syscall(SYS_recvfrom, fd, to, size, flags, from, length);
}

namespace {

// 0, or the errno; -1: unfinished.
int code_of(int family, const std::string& bytes, std::vector<SocketRecord>* records = nullptr) {
  // A copy of exactly this size on the heap, so that a sanitizer sees a read past its end.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  const auto parsed = parse_buffer(family, {exact.data(), exact.size()}, [&](auto& each) {
    if (records != nullptr) records->push_back(each);
  });
  return !parsed ? parsed.failure().code : parsed.value() ? 0 : -1;
}

std::string info(std::uint32_t sent, std::uint32_t received, std::uint32_t acknowledged, std::size_t size) {
  tcp_info made{};
  made.tcpi_last_data_sent = sent;
  made.tcpi_last_data_recv = received;
  made.tcpi_last_ack_recv = acknowledged;
  return attribute(INET_DIAG_INFO, (raw(made) + std::string(200, 'x')).substr(0, size));
}

std::string good_tcp() {
  return tcp({"127.0.0.1", 22, "127.0.0.1", 40123, 11, TCP_ESTABLISHED, 7, info(500, 400, 3, 104)}) +
         tcp({"0.0.0.0", 1, "127.0.0.1", 2, 0, TCP_SYN_RECV, 7, info(5, 9, 3, 59)}) + kDone;
}

std::string good_tcp6() {
  return tcp({"::ffff:127.0.0.1", 22, "::ffff:127.0.0.1", 40123, 12, TCP_CLOSE_WAIT, 7, info(5, 9, 3, 300)}) +
         tcp({"::", 22, "::", 0, 13, TCP_LISTEN, 7, attribute(INET_DIAG_SKV6ONLY, "\1")}) +
         tcp({"::", 22, "::", 0, 14, TCP_LISTEN, 7, attribute(INET_DIAG_SKV6ONLY, std::string(1, '\0'))}) +
         tcp({"::1", 22, "::1", 5, 15}) + kDone;
}

std::string good_unix() {
  return local(21, name("/tmp/code-1.sock\n\x1b[2J") + peer(22) + attribute(UNIX_DIAG_SHUTDOWN, "\3") +
                       uid(1001)) +
         local(22, name(std::string("\0abs\0x", 6)) + attribute(99, "a later kernel's") + peer(21)) +
         local(23, attribute(UNIX_DIAG_VFS, std::string(8, 'v')) + name(std::string(108, 'p'))) +
         local(24,
               attribute(UNIX_DIAG_ICONS, raw(31) + raw(0) + raw(32)) +
                   attribute(UNIX_DIAG_RQLEN, raw(3) + raw(9)),
               TCP_LISTEN) +
         kDone;
}

void records_are_read() {
  std::vector<SocketRecord> found;
  CHECK(code_of(AF_INET, good_tcp(), &found) == 0 && found.size() == 2);
  CHECK(code_of(AF_INET6, good_tcp6(), &found) == 0 && found.size() == 6);
  CHECK(found[0].end == found[2].end && found[0].far == found[2].far && found[0].place == found[0].end);
  CHECK(place_text(found[2].end) == "127.0.0.1:22" && place_text(found[5].far) == "[::1]:5");
  CHECK(found[0].inode == 11 && found[0].uid == 7U && found[2].state == TCP_CLOSE_WAIT && !found[1].uid);
  CHECK(found[0].idle == 400U && found[2].idle == 5U && !found[3].idle && !found[1].idle);
  CHECK(place_text(found[1].place) == "*" && found[1].place[0] == '4' && found[3].place[0] == '6' &&
        found[4].place[0] == '*');
  for (const std::size_t any : {1, 3, 4}) CHECK(found[any].place.size() == 3);
  std::vector<SocketRecord> units;
  CHECK(code_of(AF_UNIX, good_unix(), &units) == 0 && units.size() == 4);
  CHECK(units[0].name == "/tmp/code-1.sock\n\x1b[2J" && units[0].peer == 22 && units[0].shutdown == 3);
  CHECK(units[0].end == units[1].far && units[0].far == units[1].end);
  CHECK(units[0].uid == 1001U && !units[1].uid && units[1].place == std::string("@\0abs\0x", 7));
  CHECK(units[2].name == std::string(108, 'p') && units[2].place == "/" + std::string(8, 'v'));
  CHECK((units[3].waiting == std::vector<std::uint32_t>{31, 0, 32}) && units[3].queue == 3);
}

// A client that is alive and does not read answers the probes of unsent data.
void answered_probes_end_a_silence() {
  const struct {
    std::uint8_t timer;
    std::uint32_t unsent, idle;
  } rows[] = {{4, 1, 3}, {4, 0, 400}, {1, 1, 400}};
  for (const auto& [timer, unsent, idle] : rows) {
    std::vector<SocketRecord> found;
    Tcp of{"127.0.0.1", 22, "127.0.0.1", 40123, 11, TCP_ESTABLISHED, 7, info(500, 400, 3, 104)};
    of.timer = timer;
    of.unsent = unsent;
    CHECK(code_of(AF_INET, tcp(of), &found) == -1 && found.at(0).idle == idle);
  }
}

void what_is_not_an_answer_is_an_error() {
  for (const auto& [family, good] :
       {std::pair(AF_INET, good_tcp()), {AF_INET6, good_tcp6()}, {AF_UNIX, good_unix()}}) {
    for (std::size_t size = 0; size < good.size(); ++size) {
      const int code = code_of(family, good.substr(0, size));
      CHECK(code == EBADMSG || code == -1);
    }
    for (const int other : {AF_INET, AF_INET6, AF_UNIX})
      CHECK(code_of(other, good) == (other == family ? 0 : EBADMSG));
  }
  CHECK(code_of(AF_INET, message(NLMSG_ERROR, raw(-EPERM))) == EPERM);
  CHECK(code_of(AF_INET, message(NLMSG_DONE, raw(-ENOENT))) == ENOENT);
  CHECK(code_of(AF_INET, message(NLMSG_DONE, raw(-4095))) == 4095);
  CHECK(code_of(AF_INET, message(NLMSG_DONE, raw(-4096))) == EBADMSG);
  Tcp bad_attribute = kNear;
  bad_attribute.attributes = raw(nlattr{3, INET_DIAG_INFO});
  CHECK(code_of(AF_INET, tcp(bad_attribute)) == EBADMSG);
  for (const std::string& bad :
       {message(NLMSG_ERROR, raw(0)), message(NLMSG_ERROR, raw(5)), message(NLMSG_DONE, raw(INT32_MIN)),
        message(NLMSG_ERROR, ""), message(NLMSG_OVERRUN, raw(0)), message(4711, raw(0)),
        message(NLMSG_DONE, raw(0), 0, kSequence + 1), record("")})
    CHECK(code_of(AF_INET, bad) == EBADMSG);
  for (const int type :
       {int{UNIX_DIAG_PEER}, int{UNIX_DIAG_SHUTDOWN}, int{UNIX_DIAG_RQLEN}, int{UNIX_DIAG_VFS}, 7})
    CHECK(code_of(AF_UNIX, local(1, attribute(type, ""))) == EBADMSG);
  for (const std::uint32_t length : {0u, 3u, 15u, 4096u, 0xffffffffu}) {
    std::string in_header = good_tcp(), in_attribute = local(1, peer(2));
    in_header.replace(0, 4, raw(length));
    CHECK(code_of(AF_INET, in_header) == EBADMSG);
    in_attribute.replace(sizeof(nlmsghdr) + sizeof(unix_diag_msg), 2,
                         raw(static_cast<std::uint16_t>(length)));
    CHECK(code_of(AF_UNIX, in_attribute) == EBADMSG);
  }
  CHECK(code_of(AF_INET, record("", NLM_F_DUMP_INTR)) == EINTR);
}

// The list of each family fails once, and always: the result is incomplete, and has what the other lists
// show.
void a_failed_dump_is_incomplete() {
  const ProcFolder proc;
  proc.process(10, {11, 13});
  const std::string near = tcp(kNear) + kDone, units = local(13, peer(14)) + kDone;
  for (const Answer& bad : {Answer{"", EPERM},
                            {"", EINTR},
                            {"", ENOENT},
                            {""},
                            {tcp(kNear)},
                            {local(13)},
                            {message(NLMSG_DONE, raw(0), NLM_F_DUMP_INTR)},
                            {message(NLMSG_DONE, raw(-EIO))},
                            {message(NLMSG_ERROR, raw(-ENOENT))},
                            {message(NLMSG_DONE, raw(0), 0, kSequence + 1)},
                            {kDone.substr(0, 10)},
                            {tcp(kNear).substr(0, 40)}})
    for (const int family : {AF_INET, AF_INET6, AF_UNIX})
      for (const int turn : {-1, 0, 1, 2}) {
        Kernel kernel{{near}, {units}};
        kernel.bad_family = family;
        kernel.bad_turn = turn;
        kernel.bad = bad;
        const Connections found = kernel.look(proc, {10});
        CHECK(!found.complete && found.faults.size() == (turn < 0 ? 3 : 1));
        CHECK(found.faults[0].what == (family == AF_UNIX ? "list unix sockets" : "list TCP sockets"));
        CHECK(found.faults[0].detail.find("AF_NETLINK") != std::string::npos);
        CHECK(bad.error == 0 || found.faults[0].detail.find(std::strerror(bad.error)) != std::string::npos);
        CHECK(found.connections.size() >= (turn < 0 && family != AF_INET6 ? 1U : 2U));
      }
}

// A question that the kernel refuses, or answers in another form than today, fails: it does not give an empty
// list.
void a_question_that_fails_is_no_answer() {
  const auto code = [] {
    const auto failure = dump_sockets(ask_kernel, AF_UNIX, ~0u, [](auto&) {});
    return failure ? failure->code : 0;
  };
  CHECK(code() == 0);
  for (const unsigned call : {SYS_socket, SYS_setsockopt, SYS_sendto})
    CHECK(exit_of([&] { return refuse({{call, EACCES}}) && code() == EACCES ? 0 : 1; }) == 0);
  for (const int error : {EINTR, EAGAIN, ENOBUFS}) {
    g_answer = [error](char*, sockaddr_nl*) {
      errno = error;
      return -1;
    };
    CHECK(code() == error);
  }
  g_answer = [](char*, sockaddr_nl*) { return 65537; };
  CHECK(dump_sockets(ask_kernel, AF_UNIX, ~0u, [](auto&) {})->what == "socket message too long");
  // Of two messages the first is another process's.
  bool is_first = true;
  g_answer = [&is_first](char* to, sockaddr_nl* sender) {
    const std::string bytes = is_first ? kDone : message(NLMSG_ERROR, raw(-EIO));
    sender->nl_pid = is_first ? 77 : 0;
    is_first = false;
    std::memcpy(to, bytes.data(), bytes.size());
    return static_cast<ssize_t>(bytes.size());
  };
  CHECK(code() == EIO);
  g_answer = nullptr;
}

// Guard: another process may send to the port of this program's netlink socket.
void only_the_kernel_is_believed() {
  if (geteuid() != 0) return skip("only root may lie to another process");
  // The kernel gives a process's pid to its first netlink socket, so another process must lie.
  const pid_t own = getpid(), liar = fork();
  if (liar == 0) {
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    sockaddr_nl to{};
    to.nl_family = AF_NETLINK;
    to.nl_pid = static_cast<std::uint32_t>(own);
    while (getppid() == own)
      sendto(fd, kDone.data(), kDone.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&to), sizeof to);
    std::_Exit(0);
  }
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  for (int turn = 0; turn < 3000; ++turn) {
    std::size_t seen = 0;
    const auto failure = dump_sockets(ask_kernel, AF_UNIX, ~0u, [&](auto&) { ++seen; });
    CHECK(seen >= 2 || failure);
  }
  kill(liar, SIGKILL);
  waitpid(liar, nullptr, 0);
  for (const int fd : ends) close(fd);
}

}  // namespace

int main() {
  records_are_read();
  answered_probes_end_a_silence();
  what_is_not_an_answer_is_an_error();
  a_question_that_fails_is_no_answer();
  a_failed_dump_is_incomplete();
  only_the_kernel_is_believed();
  return report("sock_diag");
}
