// find_connections on real sockets held by real processes.
#include "core/sockets/connections.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "test/check.h"
#include "test/holder.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

using reaper::Connections;
using reaper::Link;
using reaper::LinkKind;

namespace {

Connections look(const std::vector<pid_t>& pids) {
  Connections found = reaper::find_connections("/proc", pids);
  CHECK(found.complete && found.source == reaper::ConnectionSource::kNetlink && found.faults.empty());
  return found;
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

void others_are_no_links(const std::string& folder) {
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

void closing_is_no_link(const std::string& folder) {
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
  CHECK(count(found, client.pid(), server.pid()) == 1 && count(found, server.pid(), client.pid()) == 1);
  for (const Link& link : found.links)
    if (link.pid == server.pid()) CHECK(link.local == folder + "/waiting" && link.kind == LinkKind::kUnix);
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

void another_network_namespace_is_named() {
  if (geteuid() != 0) {
    std::fprintf(stderr, "SKIPPED: a client in another network namespace needs root\n");
    return;
  }
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
    const Connections found = look({server.pid(), client.pid(), foreign.pid()});
    CHECK(found.foreign_net == std::vector<pid_t>{foreign.pid()});
    CHECK(found.links.size() == 2 && count(found, server.pid(), client.pid()) == 1);
  }
  const Connections after = look({server.pid(), foreign.pid()});
  CHECK(count(after, server.pid(), foreign.pid()) == 0 && count(after, foreign.pid(), server.pid()) == 0);
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
    const Connections denied = reaper::find_connections("/proc", {owner, getpid()});
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
  char folder[] = "/tmp/reaper-connections-XXXXXX";
  if (!mkdtemp(folder)) give_up("mkdtemp");
  const std::size_t before = open_descriptors();
  pairs_are_found(folder);
  others_are_no_links(folder);
  closing_is_no_link(folder);
  a_waiting_client_is_seen(folder);
  a_client_waits_at_any_address();
  inherited_descriptors_count_for_both();
  a_main_thread_that_ended_hides_nothing();
  another_network_namespace_is_named();
  gone_and_denied_differ();
  CHECK(open_descriptors() == before);
  if (DIR* dir = opendir(folder)) {
    while (const dirent* entry = readdir(dir)) unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
  }
  CHECK(rmdir(folder) == 0);
  return report("connections_test");
}
