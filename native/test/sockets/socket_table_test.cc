// What cannot be had from a live kernel at will: proc folders made by hand, refused netlink, and sockets that
// change between two looks.
#include "core/sockets/socket_table.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <tuple>

#include "core/sockets/connections.h"
#include "core/sockets/socket_holders.h"
#include "test/check.h"

namespace fs = std::filesystem;
using reaper::Connections;
using reaper::DumpScope;
using reaper::Endpoint;
using reaper::Link;
using reaper::LinkDirection;
using reaper::LinkKind;
using reaper::SocketState;
using reaper::SocketTable;
using reaper::TcpRecord;
using reaper::UnixRecord;

namespace {

class ProcFolder {
 public:
  ProcFolder() {
    char name[] = "/tmp/reaper-proc-XXXXXX";
    if (!mkdtemp(name)) std::abort();
    root_ = name;
    link("self/ns/net", "net:[1]");
  }
  ~ProcFolder() { fs::remove_all(root_); }
  std::string root() const { return root_; }
  void link(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + "/" + path).parent_path());
    fs::create_symlink(text, root_ + "/" + path);
  }
  void relink(const std::string& path, const std::string& text) const {
    fs::remove(root_ + "/" + path);
    link(path, text);
  }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + "/" + path).parent_path());
    std::ofstream(root_ + "/" + path) << text;
  }
  void process(pid_t pid, const std::vector<std::uint32_t>& inodes, const char* net = "net:[1]") const {
    const std::string path = std::to_string(pid);
    int fd = 3;
    for (const std::uint32_t inode : inodes)
      link(path + "/fd/" + std::to_string(fd++), "socket:[" + std::to_string(inode) + "]");
    link(path + "/ns/net", net);
  }

 private:
  std::string root_;
};

std::size_t count(const Connections& found, pid_t pid, std::optional<pid_t> peer) {
  return static_cast<std::size_t>(
      std::count_if(found.links.begin(), found.links.end(),
                    [&](const Link& link) { return link.pid == pid && link.peer_pid == peer; }));
}

bool has_fault(const Connections& found, const std::string& part) {
  return std::any_of(found.faults.begin(), found.faults.end(), [&](const reaper::Fault& fault) {
    return (fault.what + ": " + fault.detail).find(part) != std::string::npos;
  });
}

using Dump = std::function<void(SocketTable&)>;

DumpScope g_scope = DumpScope::kAll;
int g_queues = 0;

Connections connections_of(const std::string& root, const std::vector<pid_t>& pids, const Dump& dump,
                           bool quick = false) {
  reaper::HolderOptions options;
  options.quick = quick;
  options.proc_root = root;
  options.pids = pids;
  return reaper::find_connections(options, [&](SocketTable& table, DumpScope scope) {
    g_scope = scope;
    if (scope == DumpScope::kAll) ++g_queues;
    dump(table);
  });
}

void nothing(SocketTable& table) { table.finish_dump(); }

// Each look adds its own.
std::size_t distinct(const std::vector<reaper::Fault>& faults) {
  std::set<std::tuple<std::string, pid_t, std::string>> found;
  for (const reaper::Fault& fault : faults) found.emplace(fault.what, fault.pid, fault.detail);
  return found.size();
}

void a_refusal_is_incomplete() {
  const ProcFolder proc;
  const Connections found = connections_of(proc.root(), {10}, [](SocketTable& table) {
    table.add_failure("list TCP sockets", {EPERM, "socket NETLINK_SOCK_DIAG"});
    table.finish_dump();
  });
  CHECK(!found.complete && found.refused && distinct(found.faults) == 1 && has_fault(found, "AF_NETLINK"));
  const Connections lost = connections_of("/nonexistent", {10}, nothing);
  CHECK(!lost.complete && lost.unreadable == std::vector<pid_t>{10} && !lost.faults.empty());
}

void hostile_proc_entries_are_harmless() {
  const ProcFolder proc;
  proc.process(10, {11}, "net:[2]");
  int fd = 10;
  for (const char* text :
       {"socket:[", "socket:[]", "socket:[-1]", "socket:[1", "socket:[99999999999999999999]",
        "/tmp/socket:[11]", "socket:[1x]", "anon_inode:[eventpoll]"})
    proc.link("20/fd/" + std::to_string(fd++), text);
  proc.link("20/fd/7", std::string(3000, 'x'));
  proc.write("20/fd/9", "no link");
  proc.link("20/ns/net", "net:[1]");
  proc.write("30/fd", "not a directory");
  const Connections found = connections_of(proc.root(), {10, 20, 30, 40}, nothing);
  CHECK(found.links.empty() && found.foreign_net == std::vector<pid_t>{10});
  // Unknown, and reported; 40 is gone, which is not reported.
  CHECK((found.unreadable == std::vector<pid_t>{20, 30}) && distinct(found.faults) == 3 && found.complete);

  const ProcFolder no_self;
  fs::remove(no_self.root() + "/self/ns/net");
  const Connections blind = connections_of(no_self.root(), {10}, nothing);
  CHECK(!blind.complete && has_fault(blind, "own network namespace"));
}

Endpoint loopback(int port) {
  Endpoint end{};
  end[10] = end[11] = 0xff;
  end[12] = 127;
  end[15] = 1;
  end[16] = static_cast<std::uint8_t>(port >> 8);
  end[17] = static_cast<std::uint8_t>(port & 0xff);
  return end;
}

int g_dumps = 0;

void add_tcp(SocketTable& table, int port, int remote, std::uint32_t inode) {
  table.add({TcpRecord{loopback(port), loopback(remote), inode, SocketState::kEstablished}});
}

void add_unix(SocketTable& table, std::uint32_t inode, std::uint32_t peer, const char* name = "") {
  table.add({UnixRecord{inode, peer, name, SocketState::kEstablished, {}}}, false);
}

// Runs one dump after another; every dump but the last, which is repeated, once.
Dump in_order(std::vector<Dump> dumps) {
  g_dumps = 0;
  return [dumps](SocketTable& table) {
    table.start_dump(g_scope);
    dumps[std::min(static_cast<std::size_t>(g_dumps++), dumps.size() - 1)](table);
    table.finish_dump();
  };
}

void one_end(SocketTable& table) { add_tcp(table, 22, 40123, 11); }
void other_end(SocketTable& table) { add_tcp(table, 40123, 22, 12); }
void both_ends(SocketTable& table) {
  one_end(table);
  other_end(table);
}

// Guard: a dump is not atomic, and skips sockets while others close. What one of them saw counts.
void what_any_dump_saw_counts() {
  const ProcFolder proc;
  proc.process(10, {11});
  proc.process(20, {12});
  for (const auto& dumps : {std::vector<Dump>{both_ends}, std::vector<Dump>{one_end, other_end, both_ends},
                            std::vector<Dump>{other_end, one_end, both_ends}}) {
    const Connections found = connections_of(proc.root(), {10, 20}, in_order(dumps));
    CHECK(found.complete && count(found, 10, 20) == 1 && count(found, 20, 10) == 1);
    CHECK(found.links.size() == 2 && found.unexplained.empty());
  }
  // Unix sockets are asked for one by one: to list a million again would take the time of other users.
  CHECK(g_dumps == 3 && g_scope == DumpScope::kTcp);
  g_queues = 0;
  connections_of(proc.root(), {10, 20}, in_order({both_ends}));
  CHECK(g_dumps == 2 && g_queues == 1);  // nothing was missing
  // A quick look dumps TCP twice and unix sockets once; else it would find no other end.
  g_queues = 0;
  CHECK(connections_of(proc.root(), {10, 20}, in_order({both_ends}), true).links.size() == 2);
  CHECK(g_dumps == 2 && g_scope == DumpScope::kAll && g_queues == 1);
  for (const auto& dumps :
       {std::vector<Dump>{one_end, other_end, both_ends}, std::vector<Dump>{other_end, one_end, both_ends}}) {
    CHECK(connections_of(proc.root(), {10, 20}, in_order(dumps), true).links.size() == 2);
    CHECK(g_dumps == 3 && g_scope == DumpScope::kTcp);
  }
  const Connections stranger = connections_of(proc.root(), {10}, in_order({both_ends}));
  CHECK(g_dumps == 2 && stranger.links.size() == 1 && count(stranger, 10, std::nullopt) == 1);
}

// Guard: a process of this host may connect from any address that the host has. Another host did not.
void an_own_address_is_not_another_host() {
  const ProcFolder proc;
  proc.process(10, {11});
  Endpoint own = loopback(40123);
  own[12] = 192;
  own[14] = 2;
  const Dump both = [own](SocketTable& table) {
    table.add({TcpRecord{loopback(22), own, 11, SocketState::kEstablished}});
    table.add({TcpRecord{own, loopback(22), 12, SocketState::kEstablished}});
  };
  for (const bool quick : {false, true}) {
    const Connections found = connections_of(proc.root(), {10}, in_order({both}), quick);
    CHECK(found.links.size() == 1 && !found.links[0].other_host && !found.links[0].peer_pid);
  }
}

// A connection that is handed to another process, or made anew, while descriptors are read.
void a_second_reading_hides_no_client() {
  const ProcFolder proc;
  proc.process(10, {51});
  proc.process(30, {});
  const auto handed_on = in_order({[&](SocketTable& table) {
                                     proc.relink("30/fd/3", "socket:[52]");
                                     add_unix(table, 51, 52);
                                   },
                                   [&](SocketTable& table) {
                                     add_unix(table, 51, 52);
                                     add_unix(table, 52, 51, "/tmp/code-1");
                                   }});
  const Connections found = connections_of(proc.root(), {10, 30}, handed_on);
  CHECK(g_dumps == 2 && count(found, 10, 30) == 1 && count(found, 30, 10) == 1);
  CHECK(found.links[0].remote == "/tmp/code-1" && found.links[0].direction == LinkDirection::kOpened);

  // The old connection closed while it was read, and its process made a new one.
  const ProcFolder renewed;
  renewed.process(10, {61});
  renewed.process(20, {62});
  const auto closing = in_order({[&](SocketTable&) {
                                   renewed.relink("10/fd/3", "socket:[63]");
                                   renewed.relink("20/fd/3", "socket:[64]");
                                 },
                                 [](SocketTable& table) {
                                   add_unix(table, 63, 64);
                                   add_unix(table, 64, 63, "/tmp/code-1");
                                 }});
  const Connections again = connections_of(renewed.root(), {10, 20}, closing);
  CHECK(count(again, 10, 20) == 1 && count(again, 20, 10) == 1 && again.unexplained.empty());
}

void a_failed_dump_is_incomplete() {
  const ProcFolder proc;
  proc.process(10, {11});
  const auto failing = [](SocketTable& table) {
    one_end(table);
    table.add_failure("list TCP sockets", {EINTR, "socket dump interrupted every time"});
  };
  for (const auto& dumps : {std::vector<Dump>{failing, both_ends}, std::vector<Dump>{both_ends, failing},
                            std::vector<Dump>{one_end, one_end, failing}}) {
    const Connections found = connections_of(proc.root(), {10}, in_order(dumps));
    CHECK(!found.complete && !found.refused && count(found, 10, std::nullopt) == 1);
  }
}

// Guard: a held socket that no dump shows may be connected to anyone.
void a_socket_in_no_dump_is_unexplained() {
  const ProcFolder proc;
  proc.process(10, {11, 2000000001});
  proc.process(20, {12});
  const Connections found = connections_of(proc.root(), {10, 20}, in_order({both_ends}));
  CHECK(found.unexplained == std::vector<pid_t>{10} && g_dumps == 3);
  // A client that waits where no listener's queue shows it.
  const ProcFolder queue;
  queue.process(10, {2000000001});
  const Connections lost = connections_of(
      queue.root(), {10}, in_order({[](SocketTable& table) { add_unix(table, 2000000001, 0); }}));
  CHECK(lost.unexplained == std::vector<pid_t>{10} && count(lost, 10, std::nullopt) == 1);
  const Connections known =
      connections_of(queue.root(), {10}, in_order({[](SocketTable& table) {
                       add_unix(table, 2000000001, 0);
                       table.add({UnixRecord{7, 0, "/x", SocketState::kListening, {2000000001}}}, true);
                     }}));
  CHECK(known.unexplained.empty() && known.links[0].direction == LinkDirection::kOpened);
}

void shared_pair(SocketTable& table) {
  add_unix(table, 61, 62);
  add_unix(table, 62, 61);
}

// 300 processes that all inherited both ends would be 90 000 pairs a socket; they must stay joined all the
// same.
void many_holders_are_joined_cheaply() {
  const ProcFolder proc;
  std::vector<pid_t> pids;
  for (pid_t pid = 100; pid < 400; ++pid) {
    proc.process(pid, {61, 62});
    pids.push_back(pid);
  }
  const Connections found = connections_of(proc.root(), pids, in_order({shared_pair}));
  CHECK(found.links.size() <= 1200);
  std::set<pid_t> joined = {100};
  for (std::size_t before = 0; before != joined.size();) {
    before = joined.size();
    for (const Link& link : found.links) {
      CHECK(link.peer_pid && *link.peer_pid != link.pid);
      if (joined.count(link.pid) || joined.count(*link.peer_pid)) joined.insert({link.pid, *link.peer_pid});
    }
  }
  CHECK(joined.size() == 300);
}

void three_pairs(SocketTable& table) {
  for (const int port : {1, 2, 3}) {
    add_tcp(table, 22, port, static_cast<std::uint32_t>(port));
    add_tcp(table, port, 22, static_cast<std::uint32_t>(port + 100));
  }
  add_unix(table, 61, 62);
  add_unix(table, 62, 61, "/tmp/code-1");
  add_unix(table, 63, 64);
  add_unix(table, 65, 0);
}

// Two processes are reported once per kind, with the number of sockets; so are the ends whose other is not
// known.
void sockets_of_the_same_processes_are_one_link() {
  const ProcFolder proc;
  proc.process(10, {1, 2, 3, 61, 63, 65});
  proc.process(20, {101, 102, 62});
  const Connections found = connections_of(proc.root(), {10, 20}, in_order({three_pairs}));
  const auto sockets = [&](LinkKind kind, pid_t pid, std::optional<pid_t> peer) {
    std::uint32_t sum = 0;
    for (const Link& link : found.links)
      if (link.kind == kind && link.pid == pid && link.peer_pid == peer) sum += link.sockets;
    return sum;
  };
  CHECK(found.links.size() == 7);  // of two unix sockets without a known other end, one was opened
  CHECK(sockets(LinkKind::kTcp, 10, 20) == 2 && sockets(LinkKind::kTcp, 20, 10) == 2);
  CHECK(sockets(LinkKind::kTcp, 10, std::nullopt) == 1);
  CHECK(sockets(LinkKind::kUnix, 10, 20) == 1 && sockets(LinkKind::kUnix, 20, 10) == 1);
  CHECK(sockets(LinkKind::kUnix, 10, std::nullopt) == 2);
  for (const Link& link : found.links)
    if (link.kind == LinkKind::kTcp && link.pid == 20)
      CHECK(link.local == "127.0.0.1:1" && link.remote == "127.0.0.1:22");
}

}  // namespace

int main() {
  a_refusal_is_incomplete();
  hostile_proc_entries_are_harmless();
  what_any_dump_saw_counts();
  an_own_address_is_not_another_host();
  a_second_reading_hides_no_client();
  a_failed_dump_is_incomplete();
  a_socket_in_no_dump_is_unexplained();
  many_holders_are_joined_cheaply();
  sockets_of_the_same_processes_are_one_link();
  return report("socket_table");
}
