// find_connections on TCP connections of real processes: who is at which end, and what no longer counts.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#include <fstream>

#include "test/sockets/real.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

namespace {

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
  return run("connections", {who_accepted_is_seen_from_both_ends,
                             a_client_from_a_high_port_has_not_been_called, what_has_closed_is_left_out,
                             a_half_open_connection_counts, a_listener_answers_for_what_nobody_holds,
                             another_users_socket_is_not_the_listeners, silence_is_counted_since_data_flowed,
                             a_thread_shows_what_its_process_holds, gone_and_denied_differ});
}
