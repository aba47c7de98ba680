// What no list shows: who waits at a listener, held sockets, and the other network namespaces that they may
// be of.
#include <algorithm>

#include "test/child.h"
#include "test/refuse.h"
#include "test/sockets/kernel.h"

using namespace reaper;

namespace {

const uid_t g_user = geteuid() == 0 ? 54321 : geteuid();
constexpr const char* kDevices = "head\nhead\n    lo: 1 2\n";

UniqueFd socket_of(int family, int type, int protocol = 0) {
  return UniqueFd(socket(family, type | SOCK_CLOEXEC, protocol));
}

// "10 net:[2], 10 ?, "
std::string text_of_unlisted(const Connections& found) {
  std::string all;
  for (const auto& [pid, net] : found.unlisted) all += std::to_string(pid) + " " + net.value_or("?") + ", ";
  return all;
}

std::string path_of(const UniqueFd& real) {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(real.get());
}

// A host whose process 10 holds one socket, which is what the given path leads to.
struct Host : ProcFolder {
  explicit Host(const std::string& path) {
    process(10, {60}, "net:[1]", g_user);
    link("10/fd/socket:[60]", path);
  }
  void net(pid_t pid, const std::string& sockets = "Num\n", uid_t owner = g_user) const {
    process(pid, {}, "net:[" + std::to_string(pid) + "]", owner);
    write(std::to_string(pid) + "/net/unix", sockets);
    write(std::to_string(pid) + "/net/dev", kDevices);
  }
};

// What a socket is decides whether it may be of another namespace, which is the process that reads it in
// /proc.
void what_no_list_shows_may_be_elsewhere() {
  const std::string lists_it = "Num\n00000: 3 0 0 0001 03 60 @x\n";
  const struct {
    UniqueFd real;
    const char *alone, *beside;
  } rows[] = {
      {socket_of(AF_UNIX, SOCK_STREAM), "10 ?, ", "10 ?, "},
      {socket_of(AF_UNIX, SOCK_SEQPACKET), "10 ?, ", "10 ?, "},
      {socket_of(AF_INET, SOCK_STREAM), "", "10 net:[20], 10 net:[30], "},
      {socket_of(AF_INET6, SOCK_STREAM), "", "10 net:[20], 10 net:[30], "},
      {socket_of(AF_INET, SOCK_STREAM, 262), "", "10 net:[20], 10 net:[30], "},
      {socket_of(AF_INET, SOCK_DGRAM), "", ""},
      {socket_of(AF_NETLINK, SOCK_RAW), "", ""},
  };
  for (const auto& [real, alone, beside] : rows) {
    if (!real.valid()) continue;  // a kernel without MPTCP
    const bool is_unix = *alone != '\0';
    const auto is = [&](const Host& host, const char* wanted) {
      Kernel kernel;
      const Connections found = kernel.look(host, {10});
      return text_of_unlisted(found) == wanted && found.complete && found.faults.empty() &&
             kernel.questions == (is_unix ? 1 : 0);
    };
    const Host host(path_of(real)), other(path_of(real));
    CHECK(is(host, alone));
    host.net(20);
    host.net(30);
    CHECK(is(host, beside));
    other.net(20, lists_it);
    other.net(30);
    if (is_unix) CHECK(is(other, "10 net:[20], "));
  }
  // A closed descriptor, one that leads to a file by now, and one of which nothing can be read.
  CHECK(Kernel().look(Host("none"), {10}).unlisted.empty());
  CHECK(Kernel().look(Host("/proc/version"), {10}).unlisted.empty());
  CHECK(text_of_unlisted(Kernel().look(Host("socket:[60]"), {10})) == "10 ?, ");
}

void one_socket_is_asked_for_once() {
  const UniqueFd real = socket_of(AF_UNIX, SOCK_STREAM);
  const Host host(path_of(real));
  host.process(11, {60}, "net:[1]", g_user);
  host.link("11/fd/socket:[60]", path_of(real));
  Kernel kernel;
  CHECK(text_of_unlisted(kernel.look(host, {10, 11})) == "10 ?, 11 ?, " && kernel.questions == 1);
  kernel.exact = {local(60, peer(61))};
  CHECK(kernel.look(host, {10, 11}).unlisted.empty() && kernel.questions == 2);
}

// Guard: where the other namespaces cannot be read, the socket is not taken for closed.
void what_cannot_be_read_elsewhere_is_a_doubt() {
  const UniqueFd real = socket_of(AF_UNIX, SOCK_STREAM);
  const Host host(path_of(real));
  host.process(20, {}, "net:[20]", g_user);
  const Connections found = Kernel().look(host, {10});
  CHECK(text_of_unlisted(found) == "10 ?, " && found.other_nets.size() == 1);
  CHECK(!found.other_nets.at(0).only_loopback && found.faults.size() == 2);
  for (const Fault& fault : found.faults)
    CHECK(fault.pid == 20 && fault.detail.find(": No such file or directory") != std::string::npos);
  // Without the list of processes no namespace is known.
  CHECK(exit_of([&host] {
          Kernel kernel;
          bool is_refused = false;
          kernel.meanwhile = [&is_refused] {
            if (!is_refused) is_refused = refuse({{SYS_getdents64, EIO}});
          };
          const Connections lost = kernel.look(host, {10});
          return is_refused && !lost.complete && lost.faults.at(0).detail.find("list the proc root") == 0 ? 0
                                                                                                          : 1;
        }) == 0);
}

// Only what may matter is listed: of users with a process that holds what no list shows, or lives elsewhere.
void only_what_matters_is_listed() {
  const ProcFolder at_home;
  at_home.process(10, {}, "net:[1]", g_user);
  at_home.process(20, {}, "net:[20]", g_user);
  CHECK(Kernel().look(at_home, {10}).other_nets.empty());
  const ProcFolder abroad;
  abroad.process(10, {60}, "net:[10]");
  abroad.write("10/net/unix", "Num\n");
  abroad.write("10/net/dev", kDevices);
  CHECK(Kernel().look(abroad, {10}).other_nets.at(0).only_loopback);
  for (const char* devices : {"head\nhead\n    lo: 1 2\n  eth0: 1 2\n", "head\nhead\n  eth0: 1 2\n", ""}) {
    abroad.write("10/net/dev", devices);
    CHECK(!Kernel().look(abroad, {10}).other_nets.at(0).only_loopback);
  }
  if (!is_root()) return;
  // Of root's only that of a process that was asked for.
  const UniqueFd real = socket_of(AF_UNIX, SOCK_STREAM);
  abroad.process(11, {61});
  abroad.link("11/fd/socket:[61]", path_of(real));
  abroad.process(20, {}, "net:[20]");
  const Connections found = Kernel().look(abroad, {10, 11});
  CHECK(text_of_unlisted(found) == "11 ?, " && found.other_nets.size() == 1);
}

// Guard: of one user's namespaces only so many are read; who has more is in doubt. Root has no budget.
void one_users_namespaces_are_bounded() {
  if (!is_root()) return;
  for (const uid_t owner : {g_user, uid_t{0}})
    for (const pid_t number : {64, 68}) {
      const Host host("none");
      std::vector<pid_t> pids;
      for (pid_t pid = 100; pid < 100 + number; ++pid) {
        pids.push_back(pid);
        host.net(pid, "Num\n", owner);
      }
      host.net(200, "Num\n", g_user + 1);  // of a user who was not asked for
      const bool is_over = owner != 0 && number == 68;
      const Connections found = Kernel().look(host, pids);
      CHECK(found.other_nets.size() == pids.size() && found.faults.size() == (is_over ? 1 : 0));
      if (is_over) CHECK(found.faults[0].uid == g_user && found.complete);
      CHECK(std::count_if(found.other_nets.begin(), found.other_nets.end(),
                          [](const auto& net) { return net.only_loopback; }) == (is_over ? 64 : number));
      if (!is_over) continue;
      const UniqueFd real = socket_of(AF_INET, SOCK_STREAM);
      fs::remove(host.root + "/10/fd/socket:[60]");
      host.link("10/fd/socket:[60]", path_of(real));
      const Connections doubtful = Kernel().look(host, {10});
      CHECK(doubtful.unlisted.empty() && doubtful.unreadable == std::set<pid_t>{10});
    }
}

void lines_of_other_shapes_are_left_out() {
  CHECK((parse_net_unix("Num\n00000: 3 0 0 0001 03 61 /run/x\nhostile: a b c 0001 9 line\nno 1 2 3 4 5 62\n"
                        "00000: 2 0 00010000 0001 01 63 /run/x\n00000: 2 0 00010000 0001 01 64 @x\n"
                        "00000: 2 0 00010000 0001 01 65\n00000: 3 0") ==
         std::vector<std::uint32_t>{61, 64, 65}));
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

}  // namespace

int main() {
  who_waits_is_asked_for();
  what_no_list_shows_may_be_elsewhere();
  one_socket_is_asked_for_once();
  what_cannot_be_read_elsewhere_is_a_doubt();
  only_what_matters_is_listed();
  one_users_namespaces_are_bounded();
  lines_of_other_shapes_are_left_out();
  return report("unlisted");
}
