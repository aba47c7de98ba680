// find_connections on sockets that are of another network namespace, or may be.
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <memory>
#include <numeric>

#include "test/sockets/real.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

namespace {

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

void a_users_traveller_is_no_absence() { as_user(a_traveller_is_no_absence); }

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

}  // namespace

int main() {
  return run("namespaces", {other_namespaces_are_listed, a_users_traveller_is_no_absence,
                            a_listener_in_another_namespace_is_a_doubt,
                            a_client_from_another_namespace_counts, other_protocols_connect_nothing});
}
