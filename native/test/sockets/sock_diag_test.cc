// What cannot be had from a live kernel at will: answers that are cut, hostile, refused or interrupted,
// sockets that change between two dumps, and proc folders made by hand.
#include "core/sockets/sock_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "core/sockets/connections.h"
#include "core/sockets/socket_table.h"
#include "test/check.h"

namespace fs = std::filesystem;
using reaper::Connection;
using reaper::Connections;
using reaper::Direction;
using reaper::kSequence;
using reaper::OnBuffer;
using reaper::SocketRecord;

namespace {

template <typename T>
std::string raw(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string padded(std::string bytes) { return bytes.append((4 - bytes.size() % 4) % 4, '\0'); }

std::string message(int type, const std::string& payload, int flags = NLM_F_MULTI,
                    std::uint32_t sequence = kSequence) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + payload.size());
  header.nlmsg_type = static_cast<std::uint16_t>(type);
  header.nlmsg_flags = static_cast<std::uint16_t>(flags);
  header.nlmsg_seq = sequence;
  return padded(raw(header) + payload);
}

std::string record(const std::string& payload, int flags = NLM_F_MULTI) {
  return message(SOCK_DIAG_BY_FAMILY, payload, flags);
}

std::string attribute(int type, const std::string& value) {
  nlattr head{};
  head.nla_len = static_cast<std::uint16_t>(sizeof head + value.size());
  head.nla_type = static_cast<std::uint16_t>(type);
  return padded(raw(head) + value);
}

const std::string kDone = message(NLMSG_DONE, raw(0));

struct Tcp {
  const char* local;
  int port;
  const char* remote;
  int remote_port;
  std::uint32_t inode;
  int state = TCP_ESTABLISHED;
  uid_t uid = 7;
  std::string attributes{};
  std::uint32_t device = 0;
};

std::string tcp(const Tcp& of) {
  inet_diag_msg made{};
  const bool six = std::strchr(of.local, ':') != nullptr;
  made.idiag_family = six ? AF_INET6 : AF_INET;
  made.idiag_state = static_cast<std::uint8_t>(of.state);
  made.idiag_inode = of.inode;
  made.idiag_uid = of.uid;
  made.id.idiag_if = of.device;
  made.id.idiag_sport = htons(static_cast<std::uint16_t>(of.port));
  made.id.idiag_dport = htons(static_cast<std::uint16_t>(of.remote_port));
  inet_pton(made.idiag_family, of.local, made.id.idiag_src);
  inet_pton(made.idiag_family, of.remote, made.id.idiag_dst);
  return record(raw(made) + of.attributes);
}

std::string local(std::uint32_t inode, const std::string& attributes = "", int state = TCP_ESTABLISHED,
                  int type = SOCK_STREAM) {
  unix_diag_msg made{};
  made.udiag_family = AF_UNIX;
  made.udiag_type = static_cast<std::uint8_t>(type);
  made.udiag_state = static_cast<std::uint8_t>(state);
  made.udiag_ino = inode;
  return record(raw(made) + attributes);
}

std::string peer(std::uint32_t inode) { return attribute(UNIX_DIAG_PEER, raw(inode)); }
std::string name(const std::string& text) { return attribute(UNIX_DIAG_NAME, text); }
std::string uid(std::uint32_t of) { return attribute(7, raw(of)); }

// 0, or the errno; -1: unfinished.
int code_of(int family, const std::string& bytes, std::vector<SocketRecord>* records = nullptr) {
  // A copy of exactly this size on the heap, so that a sanitizer sees a read past its end.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  const auto parsed = reaper::parse_buffer(family, {exact.data(), exact.size()}, [&](auto& each) {
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
  CHECK(reaper::place_text(found[2].end) == "127.0.0.1:22" && reaper::place_text(found[5].far) == "[::1]:5");
  CHECK(found[0].inode == 11 && found[0].uid == 7U && found[2].state == TCP_CLOSE_WAIT && !found[1].uid);
  CHECK(found[0].idle == 400U && found[2].idle == 5U && !found[3].idle && !found[1].idle);
  CHECK(reaper::place_text(found[1].place) == "*" && found[1].place[0] == '4' && found[3].place[0] == '6' &&
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

class ProcFolder {
 public:
  ProcFolder() {
    char made[] = "/tmp/reaper-proc-XXXXXX";
    if (!mkdtemp(made)) std::abort();
    root = made;
    link("self/ns/net", "net:[1]");
  }
  ~ProcFolder() { fs::remove_all(root); }
  void link(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root + "/" + path).parent_path());
    fs::create_symlink(text, root + "/" + path);
  }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root + "/" + path).parent_path());
    std::ofstream(root + "/" + path) << text;
  }
  void process(pid_t pid, const std::vector<std::uint32_t>& inodes, const char* net = "net:[1]") const {
    for (std::size_t i = 0; i < inodes.size(); ++i)
      link(std::to_string(pid) + "/fd/" + std::to_string(i + 3),
           "socket:[" + std::to_string(inodes[i]) + "]");
    link(std::to_string(pid) + "/ns/net", net);
  }
  std::string root;
};

// An answer to one request: the kernel's bytes, or the errno with which asking fails.
struct Answer {
  std::string bytes;
  int error = 0;
};

// What a kernel answers to the first, second, ... full dump; the last answer is repeated. The first answers
// the dump of listeners as well.
struct Kernel {
  std::vector<std::string> tcp4 = {kDone}, unix_local = {kDone}, tcp6 = {kDone};
  Answer exact = {message(NLMSG_ERROR, raw(-ENOENT))};  // to a question for one unix socket
  // The answer to a family's request of one turn (0: the listeners, 1 and 2: all; -1: to each).
  int bad_family = 0, bad_turn = 0;
  Answer bad{};
  std::map<int, std::size_t> dumps{};  // how many full ones, by family

  Connections look(const ProcFolder& proc, std::vector<pid_t> pids) {
    return look(proc.root, std::move(pids));
  }
  Connections look(const std::string& proc_root, std::vector<pid_t> pids) {
    reaper::HolderOptions options;
    options.proc_root = proc_root;
    options.pids = std::move(pids);
    return reaper::find_connections(options, [this](const std::string& request, const OnBuffer& on_buffer) {
      const Answer answer = answer_to(request.substr(sizeof(nlmsghdr)));
      if (answer.error != 0) return std::optional(reaper::Failure{answer.error, "ask"});
      if (!answer.bytes.empty()) on_buffer(answer.bytes);
      return std::optional<reaper::Failure>();
    });
  }

 private:
  Answer answer_to(const std::string& body) {
    const int family = body[0];
    unix_diag_req local{};
    inet_diag_req_v2 inet{};
    std::memcpy(&local, body.data(), family == AF_UNIX ? sizeof local : 0);
    std::memcpy(&inet, body.data(), family == AF_UNIX ? 0 : sizeof inet);
    if (local.udiag_ino != 0) return exact;
    const auto& lists = family == AF_UNIX ? unix_local : family == AF_INET ? tcp4 : tcp6;
    const bool is_full = (family == AF_UNIX ? local.udiag_states : inet.idiag_states) == ~0u;
    const std::size_t turn = is_full ? ++dumps[family] : 0;
    if (family == bad_family && (bad_turn < 0 || bad_turn == static_cast<int>(turn))) return bad;
    return {lists[std::min(turn == 0 ? 0 : turn - 1, lists.size() - 1)]};
  }
};

std::string text_of(const Connections& found) {
  std::string all;
  for (const Connection& each : found.connections) {
    all += each.local +
           (each.direction == Direction::kAccepted ? "<"
            : each.direction == Direction::kOpened ? ">"
                                                   : "=") +
           each.remote + " " + std::to_string(each.near.size()) + std::to_string(each.far.size());
    all += each.other_host ? " elsewhere; " : "; ";
  }
  return all;
}

const Tcp kListener = {"127.0.0.1", 22, "0.0.0.0", 0, 10, TCP_LISTEN};
const Tcp kNear = {"127.0.0.1", 22, "127.0.0.1", 40123, 11}, kFar = {"127.0.0.1", 40123, "127.0.0.1", 22, 12};

// Guard: no verdict rests on the absence of a record in one list.
void what_one_dump_lacks_another_adds() {
  const ProcFolder proc;
  proc.process(10, {10, 11});
  const std::string near = tcp(kNear) + kDone, far = tcp(kFar) + kDone, both = tcp(kNear) + tcp(kFar) + kDone;
  for (const auto& dumps : {std::vector<std::string>{both}, {near, kDone}, {kDone, near}}) {
    Kernel kernel{dumps};
    CHECK(text_of(kernel.look(proc, {10})).substr(0, 31) == "127.0.0.1:22<127.0.0.1:40123 10");
    CHECK(kernel.dumps[AF_INET] == 2 && kernel.dumps[AF_UNIX] == 2);
  }
  // What a later dump says counts, and a far end that is in none is looked for once more.
  const Tcp half = {"127.0.0.1", 22, "127.0.0.1", 40123, 11, TCP_CLOSE_WAIT};
  const Tcp alive = {"127.0.0.1", 40123, "127.0.0.1", 22, 12, TCP_FIN_WAIT2};
  Kernel changing{{near, tcp(half) + kDone}};
  CHECK(changing.look(proc, {10}).connections.empty() && changing.dumps[AF_INET] == 3);
  for (const std::size_t turn : {1, 2, 3}) {
    Kernel kernel{std::vector<std::string>(3, tcp(half) + kDone)};
    kernel.tcp4[turn - 1] = tcp(half) + tcp(alive) + kDone;
    CHECK(kernel.look(proc, {10}).connections.size() == 1);
    CHECK(kernel.dumps[AF_INET] == 3 && kernel.dumps[AF_UNIX] == 2);
  }
  // A listener that no dump shows is asked for by itself, and so is who waits there. Only the kernel knows
  // what the descriptor is, so this one is a real socket.
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct stat info;
  CHECK(fstat(listener, &info) == 0);
  const auto inode = static_cast<std::uint32_t>(info.st_ino);
  Kernel lacking{{kDone}, {kDone}};
  lacking.exact = {local(inode, name("/x") + attribute(UNIX_DIAG_ICONS, raw(0) + raw(51)), TCP_LISTEN)};
  const std::string waits = text_of(lacking.look("/proc", {getpid()}));
  CHECK(waits.find("/x<unix:51 10; ") != std::string::npos);
  close(listener);
  Kernel units{{kDone}, {local(11, peer(12) + name("/x")) + kDone, local(12, peer(11)) + kDone}};
  const Connections named = units.look(proc, {10});
  CHECK(text_of(named) == "/x<unix:12 10; " && named.established_unix == 1 && named.established_tcp == 0);
}

void ends_follow_the_addresses() {
  const ProcFolder proc;
  proc.process(10, {10, 11, 31, 41});
  proc.process(20, {12});
  const auto text = [&](const std::vector<Tcp>& sockets) {
    std::string four, six;
    for (const Tcp& each : sockets) (std::strchr(each.local, ':') ? six : four) += tcp(each);
    return text_of(Kernel{{four + kDone}, {kDone}, {six + kDone}}.look(proc, {10, 20}));
  };
  // Another host: also half-closed, for nothing shows its end.
  for (const int state : {int{TCP_ESTABLISHED}, int{TCP_CLOSE_WAIT}, int{TCP_FIN_WAIT1}, int{TCP_LAST_ACK}})
    CHECK(text({{"192.0.2.1", 22, "192.0.2.9", 40123, 11, state}}) ==
          "192.0.2.1:22<192.0.2.9:40123 10 elsewhere; ");
  for (const int state : {int{TCP_TIME_WAIT}, int{TCP_SYN_SENT}})
    CHECK(text({{"192.0.2.1", 22, "192.0.2.9", 40123, 11, state}}).empty());
  CHECK(text({{"192.0.2.1", 40123, "192.0.2.9", 443, 11}}) == "192.0.2.1:40123>192.0.2.9:443 10 elsewhere; ");
  CHECK(text({{"192.0.2.1", 40123, "192.0.2.9", 40124, 11}}) ==
        "192.0.2.1:40123<192.0.2.9:40124 10 elsewhere; ");
  CHECK(text({{"192.0.2.1", 40123, "0.0.0.0", 0, 10, TCP_LISTEN},
              {"192.0.2.1", 40123, "192.0.2.9", 443, 11}}) == "192.0.2.1:40123<192.0.2.9:443 10 elsewhere; ");
  // Both ports are a server's; and a listener here of any address is none of another host's.
  CHECK(text({{"192.0.2.1", 8080, "192.0.2.9", 1023, 11}}) == "192.0.2.1:8080<192.0.2.9:1023 10 elsewhere; ");
  CHECK(text({{"0.0.0.0", 40123, "0.0.0.0", 0, 99, TCP_LISTEN}, {"192.0.2.1", 22, "192.0.2.9", 40123, 11}}) ==
        "192.0.2.1:22<192.0.2.9:40123 10 elsewhere; ");
  // Guard: the far end listens at its own address, too.
  CHECK(text({kListener,
              {"127.0.0.1", 40123, "0.0.0.0", 0, 99, TCP_LISTEN},
              kNear,
              {"127.0.0.1", 40123, "127.0.0.1", 22, 50}}) == "127.0.0.1:22<127.0.0.1:40123 10; ");
  // A connection that was redirected to another port of this host (nft redirect): the pairs differ.
  const Tcp client = {"127.0.0.1", 40123, "127.0.0.1", 80, 12};
  CHECK(text({kListener, kNear, client}) ==
        "127.0.0.1:22<127.0.0.1:40123 11; 127.0.0.1:40123>127.0.0.1:80 10; ");
  const Tcp half = {"127.0.0.1", 22, "127.0.0.1", 40123, 11, TCP_CLOSE_WAIT};
  CHECK(
      text({half, {"127.0.0.1", 40123, "127.0.0.1", 80, 12, TCP_FIN_WAIT2}}).find(":22<127.0.0.1:40123 11") ==
      9);
  CHECK(text({half, {"127.0.0.1", 40123, "127.0.0.1", 80, 0, TCP_FIN_WAIT2}}).empty());
  // Two sockets of the far end's address: which it is is not known.
  CHECK(text({kNear, client, {"127.0.0.1", 40123, "127.0.0.1", 81, 50}}).substr(0, 31) ==
        "127.0.0.1:22<127.0.0.1:40123 10");
  CHECK(text({kNear, client, {"127.0.0.1", 40123, "127.0.0.1", 81, 0, TCP_TIME_WAIT}}).substr(0, 31) ==
        "127.0.0.1:22<127.0.0.1:40123 11");
  // This host has many addresses: what has a record here, or comes from loopback, is here.
  CHECK(text({{"192.0.2.1", 22, "192.0.2.2", 40123, 11}, {"192.0.2.2", 40123, "192.0.2.1", 22, 12}})
            .substr(0, 31) == "192.0.2.1:22<192.0.2.2:40123 11");
  CHECK(text({{"127.0.0.1", 22, "127.0.0.2", 40123, 11}}) == "127.0.0.1:22<127.0.0.2:40123 10; ");
  // Sockets that are bound to different devices may share both addresses.
  const Tcp other = {"127.0.0.1", 22, "127.0.0.1", 40123, 31, TCP_ESTABLISHED, 7, "", 2};
  CHECK(text({kNear, other}) == "127.0.0.1:22<127.0.0.1:40123 10; 127.0.0.1:22<127.0.0.1:40123 10; ");
  // Guard: a list may lack the client's record while its address has another, dead one.
  CHECK(text({kNear, {"127.0.0.1", 40123, "127.0.0.1", 81, 0, TCP_TIME_WAIT}}) ==
        "127.0.0.1:22<127.0.0.1:40123 10; ");
  CHECK(text({kNear, {"127.0.0.1", 40123, "127.0.0.1", 22, 0, TCP_TIME_WAIT}}).empty());
  // Half open, and a listener that takes no IPv4.
  const Tcp opening = {"127.0.0.1", 22, "192.0.2.9", 40123, 0, 12, 0};
  CHECK(text({kListener, opening}) == "127.0.0.1:22<192.0.2.9:40123 10 elsewhere; ");
  Tcp six = {"::", 22, "::", 0, 10, TCP_LISTEN, 7, attribute(INET_DIAG_SKV6ONLY, std::string(1, '\0'))};
  CHECK(text({six, opening}) == "127.0.0.1:22<192.0.2.9:40123 10 elsewhere; ");
  six.attributes = attribute(INET_DIAG_SKV6ONLY, "\1");
  CHECK(text({six, opening}).empty());
  CHECK(text({six, {"2001:db8::1", 22, "2001:db8::9", 40123, 0}}) ==
        "[2001:db8::1]:22<[2001:db8::9]:40123 10 elsewhere; ");
}

void ends_follow_the_names() {
  const ProcFolder proc;
  proc.process(10, {10, 11});
  const auto text = [&](const std::string& records) {
    return text_of(Kernel{{kDone}, {records + kDone}}.look(proc, {10}));
  };
  const std::string listener = local(10, name("/x") + uid(7), TCP_LISTEN);
  // Passed on, to somebody who is not known, unless it is another user's.
  CHECK(text(listener + local(50, name("/x") + peer(51) + uid(7))) == "/x<unix:51 10; ");
  CHECK(text(listener + local(50, name("/x") + peer(51))) == "/x<unix:51 10; ");
  CHECK(text(listener + local(50, name("/x") + peer(51) + uid(8))).empty());
  // The same relative name in another folder is another file.
  const auto in = [](char folder) { return attribute(UNIX_DIAG_VFS, std::string(8, folder)); };
  CHECK(text(local(10, name("x") + in('a'), TCP_LISTEN) + local(50, name("x") + in('b') + peer(51))).empty());
  CHECK(text(local(10, name("x") + in('a'), TCP_LISTEN) + local(50, name("x") + in('a') + peer(51))) ==
        "x<unix:51 10; ");
  // The listener is known before the first full dump, wherever that shows it.
  Kernel once{{kDone}, {local(50, name("/x") + peer(51)) + listener + kDone, listener + kDone}};
  CHECK(text_of(once.look(proc, {10})) == "/x<unix:51 10; ");
  // One that waits, and what nothing tells about.
  CHECK(text(local(11)) == "unix:11>unix:0 10; ");
  CHECK(text(local(11, attribute(UNIX_DIAG_SHUTDOWN, "\3"))).empty());
  CHECK(text(local(11, peer(51))) == "unix:11<unix:51 10; ");
  // Both have names: the one that a listener has was accepted.
  const std::string named = local(11, name("/me") + peer(51)), far = local(51, name("/x") + peer(11));
  CHECK(text(named + far) == "/me</x 10; ");
  CHECK(text(named + far + local(52, name("/x"), TCP_LISTEN)) == "/me>/x 10; ");
  CHECK(text(named + far + local(52, name("/x"), TCP_LISTEN) + local(53, name("/me"), TCP_LISTEN)) ==
        "/me</x 10; ");
  const Connections found =
      Kernel{{kDone}, {local(11, peer(51)) + local(51, peer(11)) + kDone}}.look(proc, {10});
  CHECK(text_of(found) == "unix:11=unix:51 10; " && !found.connections[0].far_uid);
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

// A queue shows that somebody waits; who it is takes a question, and without an answer it counts.
void who_waits_is_asked_for() {
  const ProcFolder proc;
  proc.process(10, {10});
  const auto clients = [](const std::string& inodes, std::uint32_t inode = 10) {
    return local(inode, name("/x") + attribute(UNIX_DIAG_ICONS, inodes), TCP_LISTEN);
  };
  const struct {
    Answer exact;
    const char* text;
    int queue = 1;
  } rows[] = {{{clients(raw(51))}, "/x<unix:51 10; "},
              {{clients(raw(0) + raw(51) + raw(52))}, "/x<unix:51 10; /x<unix:52 10; "},
              {{clients(raw(0))}, ""},  // it has died
              {{clients(raw(51))}, "", 0},
              {{message(NLMSG_ERROR, raw(-ENOENT))}, ""},  // it has closed
              {{message(NLMSG_ERROR, raw(-EMSGSIZE))}, "/x<unix:0 10; "},
              {{clients(raw(51), 99)}, "/x<unix:0 10; "},  // about another socket
              {{tcp(kNear)}, "/x<unix:0 10; "},
              {{clients(raw(51)).substr(0, 30)}, "/x<unix:0 10; "},
              {{""}, "/x<unix:0 10; "},
              {{"", EINTR}, "/x<unix:0 10; "}};
  for (const auto& [exact, wanted, queue] : rows)
    // What the listener shut says nothing about a client: both ways are 3.
    for (const char shut : {'\0', '\3'}) {
      const std::string queued = attribute(UNIX_DIAG_RQLEN, raw(queue) + raw(9));
      const std::string closed = attribute(UNIX_DIAG_SHUTDOWN, std::string(1, shut));
      Kernel kernel{{kDone}, {local(10, name("/x") + queued + closed, TCP_LISTEN) + kDone}};
      kernel.exact = exact;
      const Connections found = kernel.look(proc, {10});
      CHECK(text_of(found) == wanted && found.complete);
    }
}

// Nothing is concluded about a process whose namespace, descriptors or owner cannot be read.
void what_cannot_be_read_is_unreadable() {
  const ProcFolder proc;
  proc.process(10, {11});
  proc.write("20/ns/net", "no link");
  proc.write("30/fd", "no folder");
  const auto codes = [&] {
    Kernel kernel{{tcp(kNear) + kDone}};
    return kernel.look(proc, {40, 30, 20, 10, 10}).unreadable;  // 40 has ended
  };
  CHECK((codes() == std::vector<pid_t>{20, 30}));
  // Who may list /proc and not search it knows no owner. Root may always, so another user looks.
  fs::permissions(proc.root,
                  fs::perms::all & ~fs::perms::others_exec & ~fs::perms::group_exec & ~fs::perms::owner_exec);
  const pid_t stranger = fork();
  if (stranger == 0) {
    if (geteuid() == 0 && setuid(54321) != 0) std::_Exit(2);
    std::_Exit(codes() == std::vector<pid_t>{10, 20, 30, 40} ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(stranger, &status, 0) == stranger && status == 0);
  fs::permissions(proc.root, fs::perms::owner_all);
}

void what_proc_lacks_is_no_absence() {
  const ProcFolder proc;
  int fd = 10;
  for (const char* text :
       {"socket:[", "socket:[]", "socket:[-1]", "socket:[1", "socket:[99999999999999999999]",
        "/tmp/socket:[11]", "socket:[1x]", "anon_inode:[eventpoll]", "/dev/pts/", "/dev/pts/3 (deleted)"})
    proc.link("20/fd/" + std::to_string(fd++), text);
  proc.link("20/fd/7", std::string(3000, 'x'));
  proc.write("20/fd/9", "no link");
  proc.link("20/ns/net", "net:[1]");
  proc.write("30/fd", "not a directory");
  Kernel kernel;
  const Connections found = kernel.look(proc, {20, 30, 40});  // 40 has ended: not a fault
  CHECK((found.unreadable == std::vector<pid_t>{20, 30}) && found.complete && found.connections.empty());
  CHECK(found.faults.size() == 2);
  const Connections lost = kernel.look(ProcFolder(), {});
  CHECK(lost.complete);
  const ProcFolder no_self;
  fs::remove(no_self.root + "/self/ns/net");
  CHECK(!kernel.look(no_self, {10}).complete);
  ProcFolder absent;
  fs::remove_all(absent.root);
  const Connections none = kernel.look(absent, {10});
  CHECK(!none.complete && none.unreadable == std::vector<pid_t>{10} && !none.faults.empty());

  const ProcFolder other;
  other.process(10, {60, 61, 62, 63, 64}, "net:[2]");
  other.write("10/net/dev", "head\nhead\n    lo: 1 2\n");
  Connections elsewhere = kernel.look(other, {10});
  CHECK(elsewhere.other_nets.size() == 1 && elsewhere.other_nets[0].only_loopback);
  CHECK(elsewhere.unlisted.empty());  // these descriptors lead nowhere by now
  other.write("10/net/dev", "head\nhead\n    lo: 1 2\n  eth0: 1 2\n");
  CHECK(!kernel.look(other, {10}).other_nets.at(0).only_loopback);
  CHECK((reaper::parse_net_unix(
             "Num\n00000: 3 0 0 0001 03 61 /run/x\nhostile: a b c 0001 9 line\nno 1 2 3 4 5 62\n"
             "00000: 2 0 00010000 0001 01 63 /run/x\n00000: 2 0 00010000 0001 01 64 @x\n"
             "00000: 2 0 00010000 0001 01 65\n00000: 3 0") == std::vector<std::uint32_t>{61, 64, 65}));
}

// Guard: of one user's namespaces only so many are read, and the others are in doubt.
void one_users_namespaces_are_bounded() {
  if (geteuid() != 0) return skip("only root can build processes of two users");
  const ProcFolder many;
  std::vector<pid_t> pids;
  for (pid_t pid = 100; pid < 168; ++pid) {
    pids.push_back(pid);
    many.process(pid, {}, ("net:[" + std::to_string(pid) + "]").c_str());
    many.write(std::to_string(pid) + "/net/unix", "Num\n");
    many.write(std::to_string(pid) + "/net/dev", "head\nhead\n    lo: 1 2\n");
    CHECK(chown((many.root + "/" + std::to_string(pid)).c_str(), 54321, 0) == 0);
  }
  many.process(200, {}, "net:[200]");
  CHECK(chown((many.root + "/200").c_str(), 54322, 0) == 0);  // of a user who was not asked for
  const Connections read = Kernel().look(many, pids);
  CHECK(read.other_nets.size() == 68 && read.faults.size() == 1 && read.faults[0].uid == 54321U);
  CHECK(std::count_if(read.other_nets.begin(), read.other_nets.end(),
                      [](const auto& net) { return net.only_loopback; }) == 64);
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
    const auto failure = reaper::dump_sockets(reaper::ask_kernel, AF_UNIX, ~0u, [&](auto&) { ++seen; });
    CHECK(seen >= 2 || failure);
  }
  kill(liar, SIGKILL);
  waitpid(liar, nullptr, 0);
  for (const int fd : ends) close(fd);
}

}  // namespace

int main() {
  records_are_read();
  what_is_not_an_answer_is_an_error();
  what_one_dump_lacks_another_adds();
  ends_follow_the_addresses();
  ends_follow_the_names();
  a_failed_dump_is_incomplete();
  who_waits_is_asked_for();
  what_cannot_be_read_is_unreadable();
  what_proc_lacks_is_no_absence();
  one_users_namespaces_are_bounded();
  only_the_kernel_is_believed();
  return report("sock_diag");
}
