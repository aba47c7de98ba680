// find_connections on real sockets held by real processes: who is at which end, and what no longer counts.
#include "core/sockets/connections.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/unix_diag.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <set>

#include "core/sockets/socket_holders.h"
#include "test/check.h"
#include "test/holder.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

using reaper::Connection;
using reaper::Connections;
using reaper::UniqueFd;

namespace {

std::string g_folder;
// Guard: this host's other runs of the test have users of their own, for a user's namespaces are looked for.
const uid_t g_user = 300'000 + 2 * static_cast<uid_t>(getpid() % 100'000);

Connections connections_of(const std::vector<pid_t>& pids) {
  reaper::ConnectionOptions options;
  options.pids = pids;
  return reaper::find_connections(options);
}

using Names = std::map<pid_t, std::string>;

// "tcp accepted S|C": near and far by name, sorted, separated by commas.
std::string text_of(const Connections& found, const Names& names) {
  constexpr const char* kKinds[] = {"tcp", "unix", "pipe", "terminal"};
  constexpr const char* kDirections[] = {"accepted", "opened", "pair"};
  std::multiset<std::string> lines;
  for (const Connection& each : found.connections) {
    std::string line = std::string(kKinds[int(each.kind)]) + " " + kDirections[int(each.direction)] + " ";
    for (const pid_t pid : each.near) line += names.at(pid);
    line += "|";
    for (const pid_t pid : each.far) line += names.at(pid);
    lines.insert(line + (each.other_host ? " elsewhere" : ""));
  }
  std::string all;
  for (const std::string& line : lines) all += (all.empty() ? "" : ", ") + line;
  return all;
}

void expect(int line, const Names& names, const std::string& wanted) {
  std::vector<pid_t> pids;
  for (const auto& [pid, name] : names) pids.push_back(pid);
  const Connections found = connections_of(pids);
  const std::string text = text_of(found, names);
  if (text != wanted)
    std::fprintf(stderr, "line %d: %s\n instead of %s\n", line, text.c_str(), wanted.c_str());
  CHECK(text == wanted);
  const bool is_sure = found.complete && found.unlisted.empty() && found.unreadable.empty();
  for (const reaper::Fault& fault : found.faults)
    std::fprintf(stderr, "line %d: %s: %s\n", line, fault.what.c_str(), fault.detail.c_str());
  if (!is_sure) std::fprintf(stderr, "line %d: in doubt\n", line);
  CHECK(is_sure && found.faults.empty());
}
#define EXPECT(names, wanted) expect(__LINE__, Names names, wanted)
#define WHO(...) {__VA_ARGS__}

bool needs_root(const char* what) {
  if (geteuid() == 0) return false;
  skip((std::string(what) + " needs root").c_str());
  return true;
}

UniqueFd listener_at(sockaddr_in address) { return make_listener(AF_INET, generic(address), sizeof address); }
UniqueFd client_of(int port) {
  const sockaddr_in to = loopback4(port);
  return connect_to(AF_INET, generic(to), sizeof to);
}
UniqueFd unix_listener(const std::string& name, int type = SOCK_STREAM) {
  socklen_t size = 0;
  const sockaddr_un address = unix_address(name, size);
  return make_listener(AF_UNIX, generic(address), size, type);
}
UniqueFd unix_client(const std::string& name, int type = SOCK_STREAM) {
  socklen_t size = 0;
  const sockaddr_un address = unix_address(name, size);
  return connect_to(AF_UNIX, generic(address), size, type);
}

void who_accepted_is_seen_from_both_ends() {
  sockaddr_in any4 = loopback4(0);
  any4.sin_addr.s_addr = htonl(INADDR_ANY);
  const sockaddr_in own4 = loopback4(0);
  const sockaddr_in6 any6 = address6(0, in6addr_any);
  const bool multipath = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP)).valid();
  if (!multipath) skip("no MPTCP in this kernel");
  for (int kind = 0; kind < (multipath ? 4 : 3); ++kind) {
    const auto listener =
        kind == 0   ? listener_at(own4)
        : kind == 1 ? listener_at(any4)
        : kind == 2 ? make_listener(AF_INET6, generic(any6), sizeof any6)
                    : make_listener(AF_INET, generic(own4), sizeof own4, SOCK_STREAM, IPPROTO_MPTCP);
    const sockaddr_in to = loopback4(port_of(listener.get()));
    const auto client =
        connect_to(AF_INET, generic(to), sizeof to, SOCK_STREAM, kind == 3 ? IPPROTO_MPTCP : 0);
    const Holding waits({listener.get()}), opener({client.get()});
    // It waits to be accepted.
    EXPECT(WHO({waits.pid(), "S"}), "tcp accepted S|");
    EXPECT(WHO({waits.pid(), "S"}, {opener.pid(), "C"}), "tcp accepted S|C, tcp opened C|S");
    auto accepted = accept_from(listener);
    const Holding server({listener.get(), accepted.get()}), holds({accepted.get()});
    EXPECT(WHO({server.pid(), "S"}), "tcp accepted S|");
    EXPECT(WHO({server.pid(), "S"}, {opener.pid(), "C"}), "tcp accepted S|C, tcp opened C|S");
    EXPECT(WHO({holds.pid(), "H"}), "tcp accepted H|");  // without its listener
    EXPECT(WHO({holds.pid(), "H"}, {waits.pid(), "L"}), "tcp accepted H|");
    EXPECT(WHO({opener.pid(), "C"}), "tcp opened C|");
  }
}

// Windows, macOS and routers give clients ports above those of Linux.
void a_client_from_a_high_port_has_not_been_called() {
  const Pair pair = tcp4_pair(0, 64123);  // its listener has closed
  const Holding server({pair.server.get()});
  EXPECT(WHO({server.pid(), "S"}), "tcp accepted S|");
}

// Waits until a TCP connection's own state (tcp_info) is another than ESTABLISHED.
void wait_for_fin(const UniqueFd& fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  for (info.tcpi_state = TCP_ESTABLISHED; info.tcpi_state == TCP_ESTABLISHED; usleep(1000))
    getsockopt(fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size);
}

struct Served {
  UniqueFd listener = listener_at(loopback4(0));
  UniqueFd client = client_of(port_of(listener.get()));
  UniqueFd accepted = accept_from(listener);
};

void what_has_closed_is_left_out() {
  for (const bool client_shuts : {true, false}) {
    Served half;
    shutdown((client_shuts ? half.client : half.accepted).get(), SHUT_WR);
    wait_for_fin(half.accepted);
    const Holding server({half.accepted.get()}), client({half.client.get()});
    half = {};
    EXPECT(WHO({server.pid(), "S"}), "tcp accepted S|");
    // Without a listener, and from one ephemeral port to another, nothing shows who opened it.
    EXPECT(WHO({server.pid(), "S"}, {client.pid(), "C"}), "tcp accepted C|S, tcp accepted S|C");
  }
  // The client has gone: FIN_WAIT2 without an inode there.
  Served gone;
  gone.client.reset();
  wait_for_fin(gone.accepted);
  const Holding server({gone.accepted.get(), gone.listener.get()});
  EXPECT(WHO({server.pid(), "S"}), "");
  gone.client = client_of(port_of(gone.listener.get()));
  gone.client.reset();  // this one waited
  usleep(20000);
  EXPECT(WHO({server.pid(), "S"}), "");
  // The server does not read, so the FIN of its client does not get through: ESTABLISHED here, FIN_WAIT1
  // there.
  Served full;
  fcntl(full.client.get(), F_SETFL, O_NONBLOCK);
  const std::string data(65536, 'x');
  while (write(full.client.get(), data.data(), data.size()) > 0) continue;
  const Holding stuck({full.accepted.get()});
  EXPECT(WHO({stuck.pid(), "S"}), "tcp accepted S|");
  full.client.reset();
  EXPECT(WHO({stuck.pid(), "S"}), "");
  // Its own server closed it: no process holds it, although it has the listener's address.
  Served left;
  const Holding listening({left.listener.get()}), client({left.client.get()});
  left.accepted.reset();
  wait_for_fin(left.client);
  EXPECT(WHO({listening.pid(), "S"}), "");
  EXPECT(WHO({listening.pid(), "S"}, {client.pid(), "C"}), "");
}

void a_half_open_connection_counts() {
  const auto listener = listener_at(loopback4(0));
  const int seconds = 30;
  setsockopt(listener.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
  auto client = client_of(port_of(listener.get()));
  const Holding server({listener.get()});
  EXPECT(WHO({server.pid(), "S"}), "tcp accepted S|");
}

// Another process has it, or it is in flight between two.
void a_listener_answers_for_what_nobody_holds() {
  Served tcp;
  UniqueFd local = unix_listener(g_folder + "/flight"), local_client = unix_client(g_folder + "/flight");
  UniqueFd local_accepted = accept_from(local);
  Pair channel = socket_pair(SOCK_STREAM);
  const Holding server({tcp.listener.get(), local.get()});
  pass(channel.client, {tcp.accepted.get(), local_accepted.get()});
  tcp.accepted.reset();
  local_accepted.reset();
  EXPECT(WHO({server.pid(), "S"}), "tcp accepted S|, unix accepted S|");
}

// A socket with the listener's address that the listener did not accept: a process bound that address before.
void another_users_socket_is_not_the_listeners() {
  if (needs_root("sockets of two users")) return;
  const auto other = listener_at(loopback4(0));
  const int on = 1;
  for (const uid_t uid : {uid_t{0}, g_user}) {
    if (seteuid(uid) != 0) give_up("seteuid");
    UniqueFd outbound(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (seteuid(0) != 0) give_up("seteuid");
    setsockopt(outbound.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in any = loopback4(0), to = loopback4(port_of(other.get()));
    if (bind(outbound.get(), generic(any), sizeof any) != 0) give_up("bind");
    if (connect(outbound.get(), generic(to), sizeof to) != 0) give_up("connect");
    const auto listener = listener_at(loopback4(port_of(outbound.get())));
    const Holding server({listener.get()}), holder({outbound.get()});
    EXPECT(WHO({server.pid(), "S"}), uid == 0 ? "tcp accepted S|" : "");
    EXPECT(WHO({server.pid(), "S"}, {holder.pid(), "C"}), "tcp accepted C|");
  }
}

void unix_ends_are_told_by_their_names() {
  const std::string abstract = std::string(1, '\0') + "reaper-test-" + std::to_string(getpid());
  for (const auto& [name, type] : {std::pair(g_folder + "/stream", int{SOCK_STREAM}),
                                   {g_folder + "/packets", int{SOCK_SEQPACKET}},
                                   {abstract, int{SOCK_STREAM}}}) {
    const auto listener = unix_listener(name, type), client = unix_client(name, type);
    const Holding waits({listener.get()}), opener({client.get()});
    EXPECT(WHO({waits.pid(), "S"}), "unix accepted S|");
    EXPECT(WHO({opener.pid(), "C"}), "unix opened C|");
    EXPECT(WHO({waits.pid(), "S"}, {opener.pid(), "C"}), "unix accepted S|C, unix opened C|S");
    for (const Connection& each : connections_of({waits.pid(), opener.pid()}).connections)
      CHECK(each.far_uid == geteuid());
    const auto accepted = accept_from(listener);
    const Holding server({accepted.get()});
    if (name[0] == '/') unlink(name.c_str());
    EXPECT(WHO({server.pid(), "S"}), "unix accepted S|");
    EXPECT(WHO({opener.pid(), "C"}), "unix opened C|");
    EXPECT(WHO({server.pid(), "S"}, {opener.pid(), "C"}), "unix accepted S|C, unix opened C|S");
    const Connections found = connections_of({server.pid()});
    CHECK(found.connections.size() == 1 &&
          found.connections[0].local == (name[0] == '/' ? name : "@" + abstract.substr(1)));
    CHECK(found.connections[0].remote.substr(0, 5) == "unix:" && found.connections[0].far_uid == geteuid());
    CHECK(!found.connections[0].idle);
  }
  // Guard: a client may bind a name, and is still not a server.
  const auto listener = unix_listener(g_folder + "/both");
  UniqueFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  socklen_t size = 0, to_size = 0;
  const sockaddr_un own = unix_address(abstract, size), to = unix_address(g_folder + "/both", to_size);
  if (bind(client.get(), generic(own), size) != 0 || connect(client.get(), generic(to), to_size) != 0)
    give_up("connect by name");
  const auto accepted = accept_from(listener);
  const Holding server({accepted.get()}), opener({client.get()});
  EXPECT(WHO({server.pid(), "S"}, {opener.pid(), "C"}), "unix accepted S|C, unix opened C|S");

  Pair pair = socket_pair(SOCK_STREAM), datagrams = socket_pair(SOCK_DGRAM);
  const Holding left({pair.client.get(), datagrams.client.get()});
  auto right = std::make_unique<Holding>(std::vector<int>{pair.server.get(), datagrams.server.get()});
  pair = {};
  datagrams = {};
  EXPECT(WHO({left.pid(), "L"}), "unix pair L|");
  EXPECT(WHO({left.pid(), "L"}, {right->pid(), "R"}), "unix pair L|R, unix pair R|L");
  right.reset();
  EXPECT(WHO({left.pid(), "L"}), "");  // its peer has closed
}

// A queue's length alone proves nothing: it keeps the clients that have died.
void a_dead_client_does_not_wait() {
  const auto listener = unix_listener(g_folder + "/queue");
  const Holding server({listener.get()});
  auto first = unix_client(g_folder + "/queue"), second = unix_client(g_folder + "/queue");
  first.reset();
  EXPECT(WHO({server.pid(), "S"}), "unix accepted S|");
  second.reset();
  EXPECT(WHO({server.pid(), "S"}), "");
}

// Guard: a dump with the clients that wait ends early at such a listener, and says that it is complete.
void a_long_queue_counts_and_hides_nothing() {
  if (needs_root("a longer queue than the system's limit")) return;
  const pid_t host = fork();
  if (host == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const rlimit many{8192, 8192};
    if (setrlimit(RLIMIT_NOFILE, &many) != 0 || unshare(CLONE_NEWNET) != 0) give_up("limits");
    std::ofstream("/proc/sys/net/unix/max_dgram_qlen");
    g_failures = 0;
    UniqueFd victim = unix_listener(g_folder + "/victim"), flood = unix_listener(g_folder + "/flood");
    const auto client = unix_client(g_folder + "/victim");
    listen(flood.get(), 6000);
    std::vector<UniqueFd> clients;
    const auto fill = [&](std::size_t number) {
      socklen_t size = 0;
      const sockaddr_un address = unix_address(g_folder + "/flood", size);
      while (clients.size() < number) {
        UniqueFd more(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (connect(more.get(), generic(address), size) != 0) break;
        clients.push_back(std::move(more));
      }
      return clients.size();
    };
    const Holding server({victim.get()}), flooded({flood.get()});
    const auto count = [&] {
      const Connections found = connections_of({server.pid(), flooded.pid()});
      CHECK(found.complete && found.unlisted.empty());
      std::map<pid_t, std::size_t> seen;
      for (const Connection& each : found.connections) ++seen[each.near[0]];
      CHECK(seen[server.pid()] == 1);
      return seen[flooded.pid()];
    };
    CHECK(fill(800) == 800 && count() == 800);
    // Too many for an answer count as one.
    CHECK(fill(4000) > 3000 && count() == 1);
    std::_Exit(g_failures == 0 ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(host, &status, 0) == host && status == 0);
}

void pipes_and_terminals_have_two_ends() {
  int first[2], second[2];
  if (pipe2(first, O_CLOEXEC) != 0 || pipe2(second, O_CLOEXEC) != 0) give_up("pipe");
  const UniqueFd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (grantpt(master.get()) != 0 || unlockpt(master.get()) != 0) give_up("pty");
  const UniqueFd slave(open(ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  const auto keep = [&](std::vector<int> fds) {
    return [=, &slave, &master] {
      close_sockets_but({});
      for (const int each : {first[0], first[1], second[0], second[1], slave.get(), master.get()})
        if (std::find(fds.begin(), fds.end(), each) == fds.end()) close(each);
    };
  };
  const Child reader(keep({first[0], slave.get()})), writer(keep({first[1], master.get()}));
  const Child more(keep({first[1]})), alone(keep({second[0], second[1], slave.get(), master.get()}));
  EXPECT(WHO({reader.pid(), "R"}, {writer.pid(), "W"}), "pipe pair R|W, terminal pair R|W");
  EXPECT(WHO({reader.pid(), "R"}, {more.pid(), "M"}), "pipe pair R|M");
  EXPECT(WHO({writer.pid(), "W"}, {more.pid(), "M"}), "");
  EXPECT(WHO({alone.pid(), "A"}), "");  // both ends of both
  const Connections found = connections_of({reader.pid(), writer.pid(), more.pid(), alone.pid()});
  CHECK(found.connections.size() == 2);
  for (const Connection& each : found.connections) {
    CHECK(each.near.size() + each.far.size() == (each.kind == reaper::Kind::kPipe ? 3 : 4));
    CHECK(each.local == each.remote &&
          each.local.find(each.kind == reaper::Kind::kPipe ? "pipe:" : "pts/") == 0);
  }
  for (const int fd : {first[0], first[1], second[0], second[1]}) close(fd);
}

void silence_is_counted_since_data_flowed() {
  Served tcp;
  const Holding server({tcp.accepted.get()});
  const auto idle = [&] { return connections_of({server.pid()}).connections.at(0).idle.value_or(99999999); };
  usleep(300000);
  CHECK(idle() >= 296 && idle() < 60000);
  CHECK(write(tcp.client.get(), "x", 1) == 1);
  CHECK(idle() < 296);
  // A client that is alive and does not read: its answers to probes count.
  fcntl(tcp.accepted.get(), F_SETFL, O_NONBLOCK);
  const std::string data(65536, 'x');
  while (write(tcp.accepted.get(), data.data(), data.size()) > 0) continue;
  usleep(500000);
  std::uint32_t shortest = idle();
  for (int turn = 0; turn < 20 && shortest > 300; ++turn) {
    usleep(50000);
    shortest = std::min(shortest, idle());
  }
  CHECK(shortest <= 300);
}

// A main thread that has ended shows no descriptors; those of its other threads are the process's.
void a_thread_shows_what_its_process_holds() {
  Served tcp;
  int ready[2];
  if (pipe(ready) != 0) give_up("pipe");
  static int to_parent;
  to_parent = ready[1];
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close_sockets_but({tcp.accepted.get()});
    pthread_t thread;
    const auto wait_for_zombie = [](void*) -> void* {
      char text[256] = "";
      const std::string stat = "/proc/" + std::to_string(getpid()) + "/stat";
      while (!std::strstr(text, ") Z ")) {
        const UniqueFd fd(open(stat.c_str(), O_RDONLY | O_CLOEXEC));
        if (read(fd.get(), text, sizeof text - 1) <= 0) std::_Exit(2);
        sched_yield();
      }
      if (write(to_parent, "r", 1) != 1) std::_Exit(2);
      for (;;) pause();
    };
    if (pthread_create(&thread, nullptr, wait_for_zombie, nullptr) != 0) std::_Exit(2);
    syscall(SYS_exit, 0);  // this thread only; pthread_exit would run the destructors of what is above
    std::_Exit(2);
  }
  close(ready[1]);
  char byte = 0;
  CHECK(read(ready[0], &byte, 1) == 1);
  close(ready[0]);
  // When a process's main thread has no memory, the kernel gives its files in /proc to root: other users
  // cannot read them.
  if (geteuid() == 0)
    EXPECT(WHO({pid, "T"}), "tcp accepted T|");
  else
    CHECK(connections_of({pid}).unreadable == std::set<pid_t>{pid});
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

void enter_new_net(bool with_cable = false) {
  // Whoever is not root makes the namespace in a user's one of their own.
  if (unshare(CLONE_NEWNET | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) != 0) give_up("new network namespace");
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) give_up("lo");
  if (with_cable && std::system("ip link add cable0 type veth peer name cable1") != 0)
    give_up("ip link (package iproute2)");
}

void become(uid_t uid) {
  if (setgid(uid) != 0 || setuid(uid) != 0) give_up("setuid");
  prctl(PR_SET_DUMPABLE, 1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

std::string net_of(pid_t pid) {
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/net").string();
}

// "P here" for what that process holds of the namespace, "P ?" for what is in no list that can be read.
std::string unlisted_text(const Connections& found, const Names& names, pid_t here) {
  std::multiset<std::string> all;
  for (const auto& [pid, net] : found.unlisted)
    all.insert(names.at(pid) + (!net ? " ?," : *net == net_of(here) ? " here," : " there,"));
  return std::accumulate(all.begin(), all.end(), std::string());
}

void other_namespaces_are_listed() {
  if (needs_root("another network namespace")) return;
  // As a browser's sandbox: the process outside holds ends of sockets that were made inside.
  Pair channel = socket_pair(SOCK_STREAM);
  static Pair kept, kept_tcp;
  const UniqueFd home(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  for (const bool with_cable : {false, true}) {
    const Child inside([&] {
      close_sockets_but({});
      enter_new_net(with_cable);
      kept = socket_pair(SOCK_STREAM);
      become(g_user);
    });
    const Child sleeper([&] {
      close_sockets_but({});
      if (setns(UniqueFd(open(("/proc/" + std::to_string(inside.pid()) + "/ns/net").c_str(), O_RDONLY)).get(),
                CLONE_NEWNET) != 0)
        give_up("setns");
    });
    const Child outside([&] {
      close_sockets_but({});
      const UniqueFd there(open(("/proc/" + std::to_string(inside.pid()) + "/ns/net").c_str(), O_RDONLY));
      if (setns(there.get(), CLONE_NEWNET) != 0) give_up("setns");
      kept = socket_pair(SOCK_STREAM);
      kept_tcp = tcp4_pair();
      if (setns(home.get(), CLONE_NEWNET) != 0) give_up("setns");
      become(g_user);
    });
    const Names names = {{inside.pid(), "I"}, {outside.pid(), "O"}};
    Connections found = connections_of({outside.pid()});
    CHECK(unlisted_text(found, names, inside.pid()) == "O here,");
    CHECK(found.complete && found.faults.empty() && found.connections.empty());
    CHECK(found.other_nets.size() == 1);
    if (found.other_nets.size() == 1) {
      CHECK(found.other_nets[0].id == net_of(inside.pid()) &&
            found.other_nets[0].only_loopback == !with_cable);
      std::vector<pid_t> both = {inside.pid(), sleeper.pid()};
      std::sort(both.begin(), both.end());
      CHECK(found.other_nets[0].pids == both);
    }
    found = connections_of({inside.pid()});
    CHECK(unlisted_text(found, names, inside.pid()) == "I here," && found.other_nets.size() == 1);
    // Another user's namespace is none of this one's.
    const Child stranger([] {
      close_sockets_but({});
      become(g_user + 1);
    });
    CHECK(connections_of({stranger.pid()}).other_nets.empty());
  }
  // A namespace in which no process lives: nothing can list it.
  const Child lonely([&] {
    close_sockets_but({});
    enter_new_net();
    kept = socket_pair(SOCK_STREAM);
    kept_tcp = tcp4_pair();
    if (setns(home.get(), CLONE_NEWNET) != 0) give_up("setns");
    become(g_user);
  });
  CHECK(unlisted_text(connections_of({lonely.pid()}), {{lonely.pid(), "L"}}, lonely.pid()) == "L ?,");
  const Child elsewhere([&] {
    close_sockets_but({});
    enter_new_net();
    become(g_user);
  });
  // TCP in no list was closed, but where its user has processes in other namespaces.
  CHECK(unlisted_text(connections_of({lonely.pid()}), {{lonely.pid(), "L"}}, lonely.pid()) == "L ?,L there,");
}

// A socket that was made elsewhere and passed here is in no list: a unix one is found in that of its
// namespace while a process of its user lives there, and a TCP one may be of each such namespace.
void a_traveller_is_no_absence() {
  for (const bool is_tcp : {true, false}) {
    Pair channel = socket_pair(SOCK_STREAM);
    auto there = std::make_unique<Child>([&] {
      close_sockets_but({channel.client.get()});
      enter_new_net();
      const Pair made = is_tcp ? tcp4_pair() : socket_pair(SOCK_STREAM);
      pass(channel.client, {made.server.get()});
    });
    auto traveller = take(channel.server);
    const Holding holder({traveller.get()});
    // On a busy host the helper that asks what a socket is may not answer in time: that is a doubt.
    const auto comes_to = [&](pid_t here, const std::string& wanted) {
      std::string text;
      for (int turn = 0; turn < 100 && (turn == 0 || text != wanted); ++turn) {
        const Connections found = connections_of({holder.pid()});
        CHECK(found.complete && found.connections.empty());
        text = unlisted_text(found, {{holder.pid(), "T"}}, here);
      }
      return text == wanted;
    };
    CHECK(comes_to(there->pid(), "T here,"));
    there.reset();
    CHECK(comes_to(getpid(), is_tcp ? "" : "T ?,"));
  }
}

// Runs a test as an ordinary user, which it is already unless root runs it.
void as_user(void (*test)()) {
  if (geteuid() != 0) return test();
  const pid_t user = fork();
  if (user == 0) {
    g_failures = 0;
    become(g_user);
    test();
    std::_Exit(g_failures == 0 ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(user, &status, 0) == user && status == 0);
}

// Clients of every namespace may wait at a path, and at an abstract name those of its own alone.
void a_listener_in_another_namespace_is_a_doubt() {
  if (needs_root("another network namespace")) return;
  for (const bool is_path : {true, false}) {
    static UniqueFd kept;
    const Child inside([&] {
      close_sockets_but({});
      enter_new_net();
      kept = unix_listener(is_path ? g_folder + "/inside" : std::string("\0inside", 7));
    });
    CHECK(unlisted_text(connections_of({inside.pid()}), {{inside.pid(), "I"}}, inside.pid()) ==
          (is_path ? "I ?," : "I here,"));
  }
}

// An accepted end is of its client's namespace. While it waits, its listener shows it.
void a_client_from_another_namespace_counts() {
  if (needs_root("another network namespace")) return;
  const auto listener = unix_listener(g_folder + "/across");
  static UniqueFd kept;
  const Child client([&] {
    enter_new_net();
    kept = unix_client(g_folder + "/across");
  });
  const Holding waits({listener.get()});
  EXPECT(WHO({waits.pid(), "S"}), "unix accepted S|");
  const auto accepted = accept_from(listener);
  const Holding server({accepted.get()});
  const Connections found = connections_of({server.pid()});
  CHECK(found.unlisted.size() == 1 && found.unlisted[0].pid == server.pid());
}

void other_protocols_connect_nothing() {
  static std::vector<UniqueFd> kept;
  const Child child([] {
    close_sockets_but({});
    const int kinds[][3] = {
        {AF_INET, SOCK_DGRAM, 0},     {AF_INET6, SOCK_DGRAM, 0},  {AF_NETLINK, SOCK_RAW, 0},
        {AF_PACKET, SOCK_RAW, 0},     {AF_INET, SOCK_RAW, 1},     {AF_UNIX, SOCK_DGRAM, 0},
        {AF_UNIX, SOCK_STREAM, 0},    {AF_INET, SOCK_DGRAM, 136}, {AF_ALG, SOCK_SEQPACKET, 0},
        {AF_UNIX, SOCK_SEQPACKET, 0}, {AF_INET, SOCK_STREAM, 0},  {AF_INET, SOCK_STREAM, IPPROTO_MPTCP}};
    for (const auto& kind : kinds) kept.emplace_back(socket(kind[0], kind[1] | SOCK_CLOEXEC, kind[2]));
  });
  EXPECT(WHO({child.pid(), "P"}), "");
  const UniqueFd vsock(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!vsock.valid()) return skip("no AF_VSOCK in this kernel");
  const Holding holder({vsock.get()});
  CHECK(unlisted_text(connections_of({holder.pid()}), {{holder.pid(), "P"}}, getpid()) == "P ?,");
}

// Guard: who exceeds a budget is unreadable alone, with all uids that are the user's own.
void descriptors_are_charged_to_the_user() {
  if (needs_root("descriptors of two users")) return;
  Served tcp;
  const Child greedy([&] {
    for (int fd = 100; fd < 400; ++fd) dup2(tcp.accepted.get(), fd);
    become(g_user);
  });
  const Child subordinate([&] { become(200001); });
  const Child modest([&] { become(g_user + 1); });
  reaper::ConnectionOptions options;
  options.pids = {greedy.pid(), subordinate.pid(), modest.pid()};
  options.user_descriptors = 200;
  options.owners = reaper::Owners{{{200000, 65536, g_user}}};
  const Connections found = reaper::find_connections(options);
  CHECK((found.unreadable == std::set<pid_t>{greedy.pid(), subordinate.pid()}) && found.complete);
  CHECK(found.faults.size() == 1 && found.faults[0].uid == g_user && found.faults[0].pid == 0);
  Connections none;
  CHECK(
      reaper::HolderTable(options, reaper::ProcDir::open("/proc").take(), none).held[reaper::kSocket].size() <
      20);  // three hundred descriptors of one socket are one entry
}

// Guard: the kernel searches all unix sockets of the host for each question.
void questions_are_charged_to_the_user() {
  const auto list_nothing = [](const std::string& request, const reaper::OnBuffer& on_buffer) {
    unix_diag_req body;
    std::memcpy(&body, &request[sizeof(nlmsghdr)], sizeof body);
    if (body.sdiag_family == AF_UNIX && body.udiag_ino != 0) return reaper::ask_kernel(request, on_buffer);
    const nlmsghdr done[2] = {{20, NLMSG_DONE, 0, reaper::kSequence, 0}, {}};
    on_buffer({reinterpret_cast<const char*>(done), 20});
    return std::optional<reaper::Failure>();
  };
  const auto are_all_found = [&](std::size_t sockets) {
    std::vector<Pair> pairs;
    while (2 * pairs.size() < sockets) pairs.push_back(socket_pair(SOCK_STREAM));
    const Child holder([] {});
    reaper::ConnectionOptions options;
    options.pids = {holder.pid()};
    return reaper::find_connections(options, list_nothing).unlisted.empty();
  };
  CHECK(are_all_found(24) && !are_all_found(26));
}

// Guard: many processes that share many connections must not take the memory.
void pids_are_charged_to_the_user() {
  if (needs_root("a user of its own")) return;
  const auto listener = listener_at(loopback4(0));
  listen(listener.get(), 1000);
  std::vector<UniqueFd> clients;
  std::vector<std::unique_ptr<Child>> holders;
  reaper::ConnectionOptions options;
  options.user_pids = 20 * 30;
  for (int i = 0; i < 20; ++i) {
    holders.push_back(std::make_unique<Child>([&] {
      close_sockets_but({listener.get()});
      become(g_user);
    }));
    options.pids.push_back(holders.back()->pid());
  }
  while (clients.size() < 30) clients.push_back(client_of(port_of(listener.get())));
  CHECK(reaper::find_connections(options).unreadable.empty());
  clients.push_back(client_of(port_of(listener.get())));
  const Connections found = reaper::find_connections(options);
  CHECK(found.unreadable.size() == 20 && found.complete && found.faults.size() == 1 &&
        found.faults[0].uid == g_user);
  CHECK(std::count_if(found.connections.begin(), found.connections.end(),
                      [](const Connection& each) { return each.kind == reaper::Kind::kTcp; }) == 30);
}

void gone_and_denied_differ() {
  const pid_t gone = fork();
  if (gone == 0) std::_Exit(0);
  waitpid(gone, nullptr, 0);
  const Connections found = connections_of({gone});
  CHECK(found.complete && found.connections.empty() && found.unreadable.empty() && found.faults.empty());
  if (needs_root("another user's process")) return;
  const pid_t owner = getpid();
  const Child stranger([&] {
    if (setgid(65534) != 0 || setuid(65534) != 0) give_up("setuid");
    const Connections denied = connections_of({owner, getpid()});
    if (denied.unreadable != std::set<pid_t>{owner} || !denied.complete || !denied.faults.empty())
      give_up("unreadable");
  });
}

}  // namespace

int main() {
  // Whatever started this test may share pipes with it, and so with its children.
  for (int fd = 3; fd < 1024; ++fd) close(fd);
  char folder[] = "/tmp/reaper-connections-XXXXXX";
  if (!mkdtemp(folder)) give_up("mkdtemp");
  g_folder = folder;
  who_accepted_is_seen_from_both_ends();
  a_client_from_a_high_port_has_not_been_called();
  what_has_closed_is_left_out();
  a_half_open_connection_counts();
  a_listener_answers_for_what_nobody_holds();
  another_users_socket_is_not_the_listeners();
  unix_ends_are_told_by_their_names();
  a_dead_client_does_not_wait();
  a_long_queue_counts_and_hides_nothing();
  pipes_and_terminals_have_two_ends();
  silence_is_counted_since_data_flowed();
  a_thread_shows_what_its_process_holds();
  other_namespaces_are_listed();
  as_user(a_traveller_is_no_absence);
  a_listener_in_another_namespace_is_a_doubt();
  a_client_from_another_namespace_counts();
  other_protocols_connect_nothing();
  descriptors_are_charged_to_the_user();
  questions_are_charged_to_the_user();
  pids_are_charged_to_the_user();
  gone_and_denied_differ();
  std::filesystem::remove_all(g_folder);
  return report("connections_test");
}
