// find_connections on real sockets held by real processes.
#include "core/sockets/connections.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "test/check.h"
#include "test/holder.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

using reaper::Connections;
using reaper::HolderOptions;
using reaper::Link;
using reaper::LinkDirection;
using reaper::LinkKind;

namespace {

Connections connections_of(const std::vector<pid_t>& pids) {
  HolderOptions options;
  options.pids = pids;
  return reaper::find_connections(options);
}

Connections look(const std::vector<pid_t>& pids) {
  Connections found = connections_of(pids);
  CHECK(found.complete && !found.refused && found.faults.empty());
  CHECK(found.unexplained.empty() && found.foreign_net.empty());
  return found;
}

// The one direction of all links from `pid` to `peer`; nullopt: none, or several.
std::optional<LinkDirection> direction(const Connections& found, pid_t pid, std::optional<pid_t> peer) {
  std::optional<LinkDirection> only;
  for (const Link& link : found.links) {
    if (link.pid != pid || link.peer_pid != peer) continue;
    if (only && *only != link.direction) return std::nullopt;
    only = link.direction;
  }
  return only;
}

std::size_t count(const Connections& found, pid_t pid, std::optional<pid_t> peer) {
  return static_cast<std::size_t>(
      std::count_if(found.links.begin(), found.links.end(),
                    [&](const Link& link) { return link.pid == pid && link.peer_pid == peer; }));
}

// Both ends are found from both sides, once each, and nothing else is.
void check_pair(Pair pair, LinkKind kind, const std::string& server_text) {
  const Holding client({pair.client.get()}), server({pair.server.get()});
  pair = {};
  const Connections found = look({server.pid(), client.pid(), client.pid()});
  CHECK(found.links.size() == 2);
  CHECK(count(found, client.pid(), server.pid()) == 1 && count(found, server.pid(), client.pid()) == 1);
  for (const Link& link : found.links) {
    CHECK(link.kind == kind);
    const std::string& text = link.pid == server.pid() ? link.local : link.remote;
    CHECK(text.substr(0, server_text.size()) == server_text);
  }
  CHECK((kind == LinkKind::kTcp ? found.established_tcp : found.established_unix) >= 2);
  const Connections alone = look({server.pid()});
  CHECK(alone.links.size() == 1 && count(alone, server.pid(), std::nullopt) == 1);
}

void pairs_are_found(const std::string& folder) {
  check_pair(tcp4_pair(), LinkKind::kTcp, "127.0.0.1:");

  const sockaddr_in6 six = address6(0, in6addr_loopback), any = address6(0, in6addr_any);
  auto listener = make_listener(AF_INET6, generic(six), sizeof six);
  const sockaddr_in6 to6 = address6(port_of(listener.get()), in6addr_loopback);
  auto client = connect_to(AF_INET6, generic(to6), sizeof to6);
  check_pair({std::move(client), accept_from(listener)}, LinkKind::kTcp, "[::1]:");

  listener = make_listener(AF_INET6, generic(any), sizeof any);
  const sockaddr_in to4 = loopback4(port_of(listener.get()));
  client = connect_to(AF_INET, generic(to4), sizeof to4);
  check_pair({std::move(client), accept_from(listener)}, LinkKind::kTcp, "127.0.0.1:");

  check_pair(unix_pair(folder + "/code-1.sock"), LinkKind::kUnix, folder + "/code-1.sock");
  const std::string name = "reaper-test-" + std::to_string(getpid());
  check_pair(unix_pair('\0' + name), LinkKind::kUnix, '@' + name);
  check_pair(unix_pair(folder + "/packets", SOCK_SEQPACKET), LinkKind::kUnix, folder + "/packets");
  check_pair(socket_pair(SOCK_STREAM), LinkKind::kUnix, "unix:");
  const std::string longest = folder + "/" + std::string(107 - folder.size() - 1, 'p');
  check_pair(unix_pair(longest), LinkKind::kUnix, longest);

  const reaper::UniqueFd multipath(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP));
  if (multipath.valid())  // Go programs listen so by default
    check_pair(tcp4_pair(0, 0, IPPROTO_MPTCP), LinkKind::kTcp, "127.0.0.1:");
  else
    std::fprintf(stderr, "SKIPPED: no MPTCP in this kernel\n");
}

void other_sockets_are_not_links(const std::string& folder) {
  const sockaddr_in any = loopback4(0);
  const auto listener = make_listener(AF_INET, generic(any), sizeof any);
  const Holding listening({listener.get()});
  Pair self = tcp4_pair(), self_unix = unix_pair(folder + "/self"), datagrams = socket_pair(SOCK_DGRAM);
  const Holding both({self.client.get(), self.server.get(), self_unix.client.get(), self_unix.server.get()});
  const Holding left({datagrams.client.get()}), right({datagrams.server.get()});
  self = {};
  self_unix = {};
  datagrams = {};
  CHECK(look({listening.pid(), both.pid(), left.pid(), right.pid()}).links.empty());
}

void a_closing_connection_is_not_a_link(const std::string& folder) {
  for (const bool also_server : {false, true}) {
    for (const bool tcp : {true, false}) {
      Pair pair = tcp ? tcp4_pair() : unix_pair(folder + (also_server ? "/closing-2" : "/closing-1"));
      // Half-closing leaves the client's descriptor open: FIN-WAIT there, CLOSE-WAIT here, then TIME-WAIT.
      const Child client([&] {
        pair.server.reset();
        shutdown(pair.client.get(), tcp ? SHUT_WR : SHUT_RDWR);
      });
      pair.client.reset();
      const Child server([&] {
        char byte = 0;
        if (read(pair.server.get(), &byte, 1) != 0) std::_Exit(2);
        if (also_server) pair.server.reset();
      });
      pair = {};
      CHECK(look({client.pid(), server.pid()}).links.empty());
    }
  }
}

// The client's side is up before the server has accepted: who listens there is its peer.
void a_waiting_client_is_seen(const std::string& folder) {
  const sockaddr_in any = loopback4(0);
  const auto listener = make_listener(AF_INET, generic(any), sizeof any);
  const sockaddr_in to = loopback4(port_of(listener.get()));
  socklen_t size = 0;
  const sockaddr_un path = unix_address(folder + "/waiting", size);
  const auto unix_listener = make_listener(AF_UNIX, generic(path), size);
  const auto tcp = connect_to(AF_INET, generic(to), sizeof to),
             local = connect_to(AF_UNIX, generic(path), size);
  const Holding client({tcp.get(), local.get()}), server({listener.get(), unix_listener.get()});
  const Connections found = look({client.pid(), server.pid()});
  // TCP shows from the client's side alone: the server has no socket yet.
  CHECK(count(found, client.pid(), server.pid()) == 2 && count(found, server.pid(), client.pid()) == 1);
  CHECK(direction(found, client.pid(), server.pid()) == LinkDirection::kOpened);
  CHECK(direction(found, server.pid(), client.pid()) == LinkDirection::kAccepted);
  for (const Link& link : found.links)
    if (link.kind == LinkKind::kUnix)
      CHECK((link.pid == server.pid() ? link.local : link.remote) == folder + "/waiting");
  const Connections alone = look({client.pid()});
  CHECK(alone.links.size() == 2 && count(alone, client.pid(), std::nullopt) == 2);
  CHECK(look({server.pid()}).links.empty());
}

void a_client_waits_at_any_address() {
  const sockaddr_in6 any = address6(0, in6addr_any);
  const auto listener = make_listener(AF_INET6, generic(any), sizeof any);
  const auto other = make_listener(AF_INET6, generic(any), sizeof any);
  const sockaddr_in to = loopback4(port_of(listener.get()));
  const auto waiting = connect_to(AF_INET, generic(to), sizeof to);
  const Holding client({waiting.get()}), server({listener.get()}), elsewhere({other.get()});
  const Connections found = look({client.pid(), server.pid(), elsewhere.pid()});
  CHECK(found.links.size() == 1 && count(found, client.pid(), server.pid()) == 1);
}

void inherited_descriptors_count_for_both() {
  Pair pair = tcp4_pair();
  const Holding parent({pair.server.get()}), child({pair.server.get()}), client({pair.client.get()});
  pair = {};
  const Connections found = look({parent.pid(), child.pid(), client.pid()});
  CHECK(found.links.size() == 4);
  for (const pid_t pid : {parent.pid(), child.pid()})
    CHECK(count(found, client.pid(), pid) == 1 && count(found, pid, client.pid()) == 1);
}

void a_main_thread_that_ended_hides_nothing() {
  Pair pair = tcp4_pair();
  const Holding client({pair.client.get()});
  pair.client.reset();
  int ready[2];
  if (pipe(ready) != 0) give_up("pipe");
  static int to_parent;
  to_parent = ready[1];
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pthread_t thread;
    const auto wait_for_zombie = [](void*) -> void* {
      char text[256] = "";
      const std::string stat = "/proc/" + std::to_string(getpid()) + "/stat";
      while (!std::strstr(text, ") Z ")) {
        const reaper::UniqueFd fd(open(stat.c_str(), O_RDONLY | O_CLOEXEC));
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
  pair = {};
  close(ready[1]);
  char byte = 0;
  CHECK(read(ready[0], &byte, 1) == 1);
  close(ready[0]);
  const Connections seen = look({client.pid(), pid});
  // Without its main thread's memory a process's files are root's: anyone else must be told that they are
  // closed.
  const bool closed = std::find(seen.unreadable.begin(), seen.unreadable.end(), pid) != seen.unreadable.end();
  CHECK(count(seen, client.pid(), pid) == 1 || (geteuid() != 0 && closed));
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

bool enter_new_net() {
  if (unshare(CLONE_NEWNET) != 0) return false;
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  const reaper::UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

bool needs_root(const char* what) {
  if (geteuid() == 0) return false;
  std::fprintf(stderr, "SKIPPED: %s needs root\n", what);
  return true;
}

void directions_follow_the_listener(const std::string& folder) {
  const sockaddr_in any = loopback4(0);
  auto listener = make_listener(AF_INET, generic(any), sizeof any);
  const sockaddr_in to = loopback4(port_of(listener.get()));
  auto client_end = connect_to(AF_INET, generic(to), sizeof to);
  auto server_end = accept_from(listener);
  socklen_t size = 0;
  const sockaddr_un path = unix_address(folder + "/direction", size);
  const auto unix_listener = make_listener(AF_UNIX, generic(path), size);
  // Guard: a client that binds a name of its own is not a server.
  reaper::UniqueFd named(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  socklen_t name_size = 0;
  const sockaddr_un name =
      unix_address(std::string("\0reaper-client-", 15) + std::to_string(getpid()), name_size);
  if (bind(named.get(), generic(name), name_size) != 0 || connect(named.get(), generic(path), size) != 0)
    give_up("connect by name");
  const auto named_server = accept_from(unix_listener);
  const Pair plain = unix_pair(folder + "/plain"), pair = socket_pair(SOCK_STREAM);
  {
    const Holding client({client_end.get(), named.get(), plain.client.get()}),
        server({server_end.get(), named_server.get(), plain.server.get()});
    const Connections found = look({client.pid(), server.pid()});
    CHECK(direction(found, client.pid(), server.pid()) == LinkDirection::kOpened);
    CHECK(direction(found, server.pid(), client.pid()) == LinkDirection::kAccepted);
    CHECK(found.links.size() == 4);  // one row for both unix sockets
    for (const Link& link : found.links) CHECK(!link.other_host);
  }
  const Holding left({pair.client.get()}), right({pair.server.get()});
  CHECK(direction(look({left.pid(), right.pid()}), left.pid(), right.pid()) == LinkDirection::kUnknown);
  // Without its listener nothing shows who accepted a TCP connection of this host.
  listener.reset();
  const Holding client({client_end.get()}), server({server_end.get()});
  CHECK(direction(look({client.pid(), server.pid()}), server.pid(), client.pid()) == LinkDirection::kUnknown);
}

// A program whose parents have ended is still on the streams of an ssh session, and an ssh client on its
// ProxyCommand's.
void a_pipe_joins_its_holders() {
  int pipe_ends[2], other[2];
  if (pipe(pipe_ends) != 0 || pipe(other) != 0) give_up("pipe");
  const auto keep = [&](int fd) {
    return [=] {
      close_sockets_but({});
      for (const int each : {pipe_ends[0], pipe_ends[1], other[0], other[1]})
        if (each != fd) close(each);
    };
  };
  const Child reader(keep(pipe_ends[0])), writer(keep(pipe_ends[1])), alone(keep(other[0]));
  const Child second(keep(pipe_ends[1]));
  CHECK(look({writer.pid(), second.pid()}).links.empty());  // they share an end
  const Connections found = look({reader.pid(), writer.pid(), alone.pid()});
  CHECK(found.links.size() == 2);
  CHECK(direction(found, reader.pid(), writer.pid()) == LinkDirection::kUnknown);
  CHECK(direction(found, writer.pid(), reader.pid()) == LinkDirection::kUnknown);
  for (const Link& link : found.links) CHECK(link.kind == LinkKind::kPipe && link.local == link.remote);
  CHECK(look({reader.pid(), alone.pid()}).links.empty());
  for (const int each : {pipe_ends[0], pipe_ends[1], other[0], other[1]}) close(each);
}

void who_holds_a_udp_socket_is_reported() {
  for (const int family : {AF_INET, AF_INET6}) {
    const reaper::UniqueFd udp(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const Holding holder({udp.get()}), other({});
    CHECK(look({holder.pid(), other.pid()}).datagram == std::vector<pid_t>{holder.pid()});
  }
}

// Two namespaces that a cable joins: from where this test stands the other one is another host.
void another_host_is_reported() {
  if (needs_root("another host")) return;
  if (std::system("ip -V >/dev/null 2>&1") != 0) {
    std::fprintf(stderr, "SKIPPED: another host needs ip (package iproute2)\n");
    return;
  }
  const pid_t here = fork();
  if (here == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    g_failures = 0;
    if (!enter_new_net()) give_up("new network namespace");
    int go[2];
    if (pipe(go) != 0) give_up("pipe");
    const Child other([&] {
      if (!enter_new_net()) give_up("new network namespace");
      if (fork() != 0) return;
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      char byte = 0;
      if (read(go[0], &byte, 1) != 1) std::_Exit(2);
      if (std::system("ip addr add 10.77.0.2/24 dev cable1 && ip link set cable1 up") != 0) std::_Exit(2);
      sockaddr_in to = loopback4(2222);
      to.sin_addr.s_addr = htonl(0x0a4d0001);
      static reaper::UniqueFd in, out;
      while (!in.valid()) {
        reaper::UniqueFd trying(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (connect(trying.get(), generic(to), sizeof to) == 0) in = std::move(trying);
      }
      const sockaddr_in any = loopback4(0);
      sockaddr_in from = any;
      from.sin_addr.s_addr = htonl(0x0a4d0002);
      from.sin_port = htons(3333);
      const auto listener = make_listener(AF_INET, generic(from), sizeof from);
      out = accept_from(listener);
      for (;;) pause();
    });
    const std::string link = "ip link add cable0 type veth peer name cable1 netns " +
                             std::to_string(other.pid()) +
                             " && ip addr add 10.77.0.1/24 dev cable0 && ip link set cable0 up";
    if (std::system(link.c_str()) != 0) give_up("ip link");
    sockaddr_in mine = loopback4(2222);
    mine.sin_addr.s_addr = htonl(0x0a4d0001);
    auto listener = make_listener(AF_INET, generic(mine), sizeof mine);
    if (write(go[1], "g", 1) != 1) give_up("write");
    close(go[0]);
    close(go[1]);
    const auto accepted = accept_from(listener);
    sockaddr_in theirs = loopback4(3333);
    theirs.sin_addr.s_addr = htonl(0x0a4d0002);
    reaper::UniqueFd opened;
    while (!opened.valid()) {
      reaper::UniqueFd trying(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (connect(trying.get(), generic(theirs), sizeof theirs) == 0) opened = std::move(trying);
    }
    const Holding server({accepted.get()}), client({opened.get()});
    for (const bool listening : {true, false}) {
      const Connections found = look({server.pid(), client.pid()});
      CHECK(found.links.size() == 2);
      for (const Link& each : found.links) CHECK(each.other_host && !each.peer_pid);
      CHECK(direction(found, server.pid(), std::nullopt) == LinkDirection::kAccepted);
      CHECK(direction(found, client.pid(), std::nullopt) == LinkDirection::kOpened);
      if (listening)
        listener.reset();  // as an ssh server's, which restarts: the kernel gives 2222 to no client
    }
    std::_Exit(g_failures == 0 ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(here, &status, 0) == here && status == 0);
}

void a_connection_in_another_namespace_is_not_a_link() {
  if (needs_root("another network namespace")) return;
  Pair pair = tcp4_pair();
  const int port = port_of(pair.server.get()), from_port = port_of(pair.client.get());
  const Holding server({pair.server.get()});
  const Child foreign([&] {
    pair = {};
    if (!enter_new_net()) give_up("new network namespace");
    static Pair twin;
    twin = tcp4_pair(port, from_port);
  });
  {
    const Holding client({pair.client.get()});
    pair = {};
    const Connections found = connections_of({server.pid(), client.pid(), foreign.pid()});
    CHECK(found.foreign_net == std::vector<pid_t>{foreign.pid()} && found.unexplained.empty());
    CHECK(found.links.size() == 2 && count(found, server.pid(), client.pid()) == 1);
  }
  const Connections after = connections_of({server.pid(), foreign.pid()});
  CHECK(count(after, server.pid(), foreign.pid()) == 0 && count(after, foreign.pid(), server.pid()) == 0);
}

// A headless browser or a sandbox in a namespace of its own, to which nothing is connected, is not in the
// way.
void only_connections_count_in_another_namespace(const std::string& folder) {
  if (needs_root("another network namespace")) return;
  static Pair kept;
  static reaper::UniqueFd listener;
  const Child idle([&] {
    if (!enter_new_net()) give_up("new network namespace");
    const sockaddr_in any = loopback4(0);
    listener = make_listener(AF_INET, generic(any), sizeof any);
    kept = socket_pair(SOCK_STREAM);
  });
  const Child served([&] {
    if (!enter_new_net()) give_up("new network namespace");
    kept = unix_pair(folder + "/served");
  });
  const Child inherited([&] {
    kept = socket_pair(SOCK_STREAM);
    if (!enter_new_net()) give_up("new network namespace");
  });
  const Connections found = connections_of({idle.pid(), served.pid(), inherited.pid()});
  CHECK(found.foreign_net == std::vector<pid_t>{served.pid()});
  CHECK(found.unexplained.empty() && found.complete && found.faults.empty());
}

// The kernel makes the accepted socket in the client's namespace, so no table of this one shows it.
void a_client_from_another_namespace_is_unexplained(const std::string& folder) {
  if (needs_root("another network namespace")) return;
  socklen_t size = 0;
  const sockaddr_un path = unix_address(folder + "/across", size);
  const auto listener = make_listener(AF_UNIX, generic(path), size);
  static reaper::UniqueFd kept;
  const Child client([&] {
    if (!enter_new_net()) give_up("new network namespace");
    kept = connect_to(AF_UNIX, generic(path), size);
  });
  const Holding bystander({});
  {
    // Waiting to be accepted: the socket that would be accepted shows nowhere.
    const Holding waiting({listener.get()});
    CHECK(connections_of({client.pid(), bystander.pid()}).links.empty());
  }
  const auto accepted = accept_from(listener);
  const Holding server({accepted.get()});
  const Connections found = connections_of({server.pid(), bystander.pid()});
  CHECK(found.unexplained == std::vector<pid_t>{server.pid()} && found.links.empty());
  // TCP of another namespace, brought along. Only a user who has a process in one can have that; else such a
  // socket is one that was closed at both ends, and keeps its descriptor.
  static Pair brought;
  const Child traveller([&] {
    const reaper::UniqueFd home(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!enter_new_net()) give_up("new network namespace");
    brought = tcp4_pair();
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) pause();
    }
    if (setns(home.get(), CLONE_NEWNET) != 0) give_up("setns");
  });
  CHECK(connections_of({traveller.pid(), bystander.pid()}).unexplained ==
        std::vector<pid_t>{traveller.pid()});
}

void other_protocols_are_not_unexplained() {
  static std::vector<reaper::UniqueFd> kept;
  const Child child([] {
    const int kinds[][3] = {{AF_INET, SOCK_DGRAM, 0},    {AF_INET6, SOCK_DGRAM, 0},
                            {AF_NETLINK, SOCK_RAW, 0},   {AF_PACKET, SOCK_RAW, 0},
                            {AF_INET, SOCK_RAW, 1},      {AF_UNIX, SOCK_DGRAM, 0},
                            {AF_UNIX, SOCK_STREAM, 0},   {AF_INET, SOCK_DGRAM, 136},
                            {AF_ALG, SOCK_SEQPACKET, 0}, {AF_UNIX, SOCK_SEQPACKET, 0}};
    for (const auto& kind : kinds) kept.emplace_back(socket(kind[0], kind[1] | SOCK_CLOEXEC, kind[2]));
    const sockaddr_in any = loopback4(0);
    kept.push_back(make_listener(AF_INET, generic(any), sizeof any, SOCK_STREAM, IPPROTO_MPTCP));
  });
  const Connections found = look({child.pid()});
  CHECK(found.links.empty());
}

// Fills the queue of a new listener until the kernel takes no more clients.
struct Flood {
  explicit Flood(const std::string& path) {
    socklen_t size = 0;
    const sockaddr_un address = unix_address(path, size);
    listener = reaper::UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (bind(listener.get(), generic(address), size) != 0 || listen(listener.get(), 8192) != 0)
      give_up("listen");
    for (;;) {
      reaper::UniqueFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      if (connect(client.get(), generic(address), size) != 0) break;
      clients.push_back(std::move(client));
    }
  }
  reaper::UniqueFd listener;
  std::vector<reaper::UniqueFd> clients;
};

std::size_t queues_in_a_dump() {
  std::size_t listed = 0;
  reaper::dump_unix(reaper::UnixDump::kQueues,
                    [&](const std::vector<reaper::UnixRecord>& records) { listed += records.size(); });
  return listed;
}

// Guard: thousands of clients that wait at one listener make the kernel end its dump of queues early, and
// call it complete. Other listeners keep their clients, and only the attacker is in doubt.
void a_long_queue_hides_no_other(const std::string& folder) {
  const rlimit many{8192, 8192};
  if (needs_root("a namespace with few listeners")) return;
  const pid_t host = fork();
  if (host == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    g_failures = 0;
    if (setrlimit(RLIMIT_NOFILE, &many) != 0 || !enter_new_net()) give_up("limits");
    constexpr std::size_t kVictims = 4;
    std::vector<reaper::UniqueFd> listeners, clients;
    for (std::size_t i = 0; i < kVictims; ++i) {
      socklen_t size = 0;
      const sockaddr_un path = unix_address(folder + "/victim-" + std::to_string(i), size);
      listeners.push_back(make_listener(AF_UNIX, generic(path), size));
      clients.push_back(connect_to(AF_UNIX, generic(path), size));
    }
    const Child server([&] { clients.clear(); }), client([&] { listeners.clear(); });
    listeners.clear();
    clients.clear();
    const auto seen = [&](const Connections& found) {
      for (const Link& link : found.links)
        if (link.pid == server.pid() && link.peer_pid == client.pid()) return std::size_t{link.sockets};
      return std::size_t{0};
    };
    CHECK(queues_in_a_dump() == kVictims);
    // The kernel lists by a hash of the name, and fails at a long queue that comes first.
    bool cut = false;
    for (int turn = 0; turn < 100 && !cut; ++turn) {
      Flood flood(folder + "/flooded-" + std::to_string(turn));
      CHECK(flood.clients.size() > 4000);
      cut = queues_in_a_dump() < kVictims;
      if (!cut) continue;
      const Connections found = connections_of({server.pid(), client.pid()});
      CHECK(found.complete && seen(found) == kVictims && found.unexplained.empty());
      const Child attacker([] {});  // holds the flood
      flood.listener.reset();
      flood.clients.clear();
      const Connections with_attacker = connections_of({server.pid(), client.pid(), attacker.pid()});
      CHECK(seen(with_attacker) == kVictims);
      CHECK(with_attacker.unexplained == std::vector<pid_t>{attacker.pid()});
    }
    if (!cut) std::fprintf(stderr, "SKIPPED: this kernel lists queues of any length\n");
    std::_Exit(g_failures == 0 ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(host, &status, 0) == host && status == 0);
}

// Guard: descriptors are read within a budget per user; who exceeds it is unreadable alone.
void descriptors_are_charged_to_the_user() {
  if (needs_root("descriptors of two users")) return;
  const auto drop_to = [](uid_t uid) {
    if (setgid(uid) != 0 || setuid(uid) != 0) give_up("setuid");
    prctl(PR_SET_DUMPABLE, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
  };
  Pair pair = tcp4_pair();
  const Child greedy([&] {
    for (int fd = 100; fd < 400; ++fd) dup2(pair.server.get(), fd);
    drop_to(54321);
  });
  const Child subordinate([&] { drop_to(200001); });
  const Child modest([&] { drop_to(54322); });
  HolderOptions options;
  options.pids = {greedy.pid(), subordinate.pid(), modest.pid()};
  options.user_descriptors = 200;
  options.owners = reaper::Owners{{{200000, 65536, 54321}}};
  const Connections found = reaper::find_connections(options);
  CHECK((found.unreadable == std::vector<pid_t>{std::min(greedy.pid(), subordinate.pid()),
                                                std::max(greedy.pid(), subordinate.pid())}));
  CHECK(found.complete && !found.faults.empty() &&
        std::all_of(found.faults.begin(), found.faults.end(),
                    [](const reaper::Fault& fault) { return fault.uid == 54321U; }));
  reaper::HolderTable table;
  table.read(options);
  // Three hundred descriptors of one socket are one entry.
  CHECK(table.all().size() < 20);
}

// Guard: the kernel searches all unix sockets of the host for each question.
void questions_are_charged_to_the_user() {
  const auto list_nothing = [](reaper::SocketTable& table, reaper::DumpScope) { table.finish_dump(); };
  const auto are_all_found = [&](std::size_t sockets, std::int64_t ms) {
    std::vector<reaper::UniqueFd> ends;
    while (ends.size() < sockets) {
      int pair[2];
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) give_up("socketpair");
      ends.emplace_back(pair[0]);
      ends.emplace_back(pair[1]);
    }
    const Child holder([] {});
    HolderOptions options;
    options.pids = {holder.pid()};
    options.user_question_ms = ms;
    return reaper::find_connections(options, list_nothing).unexplained.empty();
  };
  CHECK(are_all_found(60, 3600000) && !are_all_found(70, 3600000));
  // A few are answered however long it takes.
  CHECK(are_all_found(12, 0) && !are_all_found(14, 0));
}

void gone_and_denied_differ() {
  pid_t gone = fork();
  if (gone == 0) std::_Exit(0);
  waitpid(gone, nullptr, 0);
  const Connections found = look({gone, 0, -1});
  CHECK(found.links.empty() && found.unreadable.empty() && found.foreign_net.empty());

  if (geteuid() != 0) {
    std::fprintf(stderr, "SKIPPED: the descriptors of another user's process need root to set up\n");
    return;
  }
  const pid_t owner = getpid();
  const Child stranger([&] {
    if (setgid(65534) != 0 || setuid(65534) != 0) give_up("setuid");
    const Connections denied = connections_of({owner, getpid()});
    if (denied.unreadable != std::vector<pid_t>{owner} || !denied.complete || !denied.faults.empty())
      give_up("unreadable");
  });
}

std::size_t open_descriptors() {
  std::size_t number = 0;
  DIR* dir = opendir("/proc/self/fd");
  while (readdir(dir)) ++number;
  closedir(dir);
  return number;
}

}  // namespace

int main() {
  // Whatever started this test may share pipes with it, and so with its children.
  for (int fd = 3; fd < 1024; ++fd) close(fd);
  char folder[] = "/tmp/reaper-connections-XXXXXX";
  if (!mkdtemp(folder)) give_up("mkdtemp");
  const std::size_t before = open_descriptors();
  pairs_are_found(folder);
  other_sockets_are_not_links(folder);
  a_closing_connection_is_not_a_link(folder);
  a_waiting_client_is_seen(folder);
  a_client_waits_at_any_address();
  inherited_descriptors_count_for_both();
  a_main_thread_that_ended_hides_nothing();
  directions_follow_the_listener(folder);
  a_pipe_joins_its_holders();
  who_holds_a_udp_socket_is_reported();
  another_host_is_reported();
  a_connection_in_another_namespace_is_not_a_link();
  only_connections_count_in_another_namespace(folder);
  a_client_from_another_namespace_is_unexplained(folder);
  other_protocols_are_not_unexplained();
  descriptors_are_charged_to_the_user();
  questions_are_charged_to_the_user();
  gone_and_denied_differ();
  a_long_queue_hides_no_other(folder);
  CHECK(open_descriptors() == before);
  if (DIR* dir = opendir(folder)) {
    while (const dirent* entry = readdir(dir)) unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
  }
  CHECK(rmdir(folder) == 0);
  return report("connections_test");
}
