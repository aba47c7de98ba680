// find_connections on unix sockets, pipes and terminals: who is at which end, and who waits.
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>

#include <fstream>
#include <memory>

#include "test/sockets/real.h"

namespace {

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

}  // namespace

int main() {
  return run("local", {unix_ends_are_told_by_their_names, a_dead_client_does_not_wait,
                       a_long_queue_counts_and_hides_nothing, pipes_and_terminals_have_two_ends});
}
