// What cannot be had from a live kernel at will: proc folders made by hand, refused netlink, and sockets that
// change between two looks.
#include "core/sockets/socket_table.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "core/sockets/connections.h"
#include "core/sockets/inode_index.h"
#include "core/sockets/socket_holders.h"
#include "test/check.h"

namespace fs = std::filesystem;
using reaper::Connections;
using reaper::ConnectionSource;
using reaper::Endpoint;
using reaper::find_connections;
using reaper::Link;
using reaper::LinkKind;
using reaper::SocketTable;

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

const std::string kHead =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";
const std::string kRest = " 00000000:00000000 02:000A9D5B 00000000     0        0 ";

void proc_files_stand_in_for_netlink() {
  const ProcFolder proc;
  proc.process(10, {4711});
  proc.process(20, {4712, 4714});
  proc.write("net/tcp", kHead + "   0: 0100007F:0016 0100007F:9CBB 01" + kRest + "4711 2 0 20\n" +
                            "   1: 0100007F:0050 0100007F:9CBC 08" + kRest + "4714 2 0 20\n");
  proc.write("net/tcp6", kHead +
                             "   0: 0000000000000000FFFF00000100007F:9CBB "
                             "0000000000000000FFFF00000100007F:0016 01" +
                             kRest + "4712 1 0\n");
  proc.write("net/unix",
             "Num RefCount Protocol Flags Type St Inode Path\n"
             "0000000000000000: 00000003 00000000 00000000 0001 03 19500\n");
  const Connections found = find_connections(proc.root(), {10, 20}, reaper::read_sockets_from_proc);
  CHECK(found.source == ConnectionSource::kProc && !found.complete);
  CHECK(has_fault(found, "unix connections are unknown") && found.faults.size() == 1);
  CHECK(found.links.size() == 2 && count(found, 10, 20) == 1 && count(found, 20, 10) == 1);
  CHECK(found.established_tcp == 2 && found.established_unix == 1);
  CHECK(found.unreadable.empty() && found.foreign_net.empty());

  proc.write("net/tcp6", kHead + "   0: 00000000");
  const Connections torn = find_connections(proc.root(), {10, 20}, reaper::read_sockets_from_proc);
  CHECK(!torn.complete && has_fault(torn, "list TCP sockets") && count(torn, 10, std::nullopt) == 1);
}

void nothing_readable_is_none() {
  const ProcFolder proc;
  const Connections found = find_connections(proc.root(), {10}, reaper::read_sockets_from_proc);
  CHECK(found.source == ConnectionSource::kNone && !found.complete && found.faults.size() == 3);
  const Connections lost = find_connections("/nonexistent", {10}, reaper::read_sockets);
  CHECK(!lost.complete && lost.unreadable == std::vector<pid_t>{10} && !lost.faults.empty());
}

SocketTable nothing(const std::string&) { return {}; }

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
  const Connections found = find_connections(proc.root(), {10, 20, 30, 40}, nothing);
  CHECK(found.links.empty() && found.foreign_net == std::vector<pid_t>{10});
  // Unknown, and said so; 40 is gone, which is not.
  CHECK((found.unreadable == std::vector<pid_t>{20, 30}) && found.faults.size() == 2 && found.complete);

  const ProcFolder no_self;
  fs::remove(no_self.root() + "/self/ns/net");
  const Connections blind = find_connections(no_self.root(), {10}, nothing);
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

int g_looks = 0;
const ProcFolder* g_proc = nullptr;

// The lists are asked for before the descriptors are read, after that, and where a look must be repeated a
// third time. Accepted between the first look and the second: only the third list has both sides.
SocketTable one_side_first(const std::string&) {
  SocketTable table;
  table.tcp.push_back({loopback(22), loopback(40123), 11});
  if (++g_looks == 3) table.tcp.push_back({loopback(40123), loopback(22), 12});
  return table;
}

// A connected unix socket: accepted, and then handed to process 30, after its descriptors had been read.
SocketTable handed_on(const std::string&) {
  SocketTable table;
  ++g_looks;
  table.local.push_back({51, g_looks == 1 ? 0u : 52u, ""});
  if (g_looks == 2) g_proc->link("30/fd/3", "socket:[52]");
  if (g_looks > 1) table.local.push_back({52, 51, "/tmp/code-1"});
  return table;
}

// Was accepted long before, and on its way between two processes while descriptors were read: it comes to
// process 30 under the number of a descriptor whose socket has been closed.
SocketTable on_its_way(const std::string&) {
  SocketTable table;
  table.local.push_back({51, 52, ""});
  table.local.push_back({52, 51, "/tmp/code-1"});
  if (++g_looks == 1) table.local.push_back({53, 54, ""});
  if (g_looks == 2) g_proc->relink("30/fd/3", "socket:[52]");
  return table;
}

SocketTable settled(const std::string&) {
  ++g_looks;
  SocketTable table;
  table.tcp.push_back({loopback(22), loopback(40123), 11});
  table.tcp.push_back({loopback(40123), loopback(22), 12});
  return table;
}

SocketTable last_fails(const std::string& root) {
  SocketTable table = one_side_first(root);
  table.complete = g_looks < 3;
  return table;
}

SocketTable first_fails(const std::string& root) {
  SocketTable table = one_side_first(root);
  table.complete = g_looks > 1;
  return table;
}

void a_second_look_hides_no_client() {
  const ProcFolder proc;
  proc.process(10, {11, 51});
  proc.process(20, {12});
  proc.process(30, {});
  g_proc = &proc;
  const Connections late = find_connections(proc.root(), {10, 20}, one_side_first);
  CHECK(g_looks == 3 && late.complete && late.links.size() == 2);
  CHECK(count(late, 10, 20) == 1 && count(late, 20, 10) == 1);

  g_looks = 0;
  const Connections handed = find_connections(proc.root(), {10, 30}, handed_on);
  CHECK(g_looks == 3 && handed.links.size() == 2);
  CHECK(count(handed, 10, 30) == 1 && count(handed, 30, 10) == 1);
  CHECK(!handed.links.empty() && handed.links[0].remote == "/tmp/code-1");

  g_looks = 0;
  proc.relink("30/fd/3", "socket:[53]");
  const Connections arrived = find_connections(proc.root(), {10, 30}, on_its_way);
  CHECK(g_looks == 2 && count(arrived, 10, 30) == 1 && count(arrived, 30, 10) == 1);

  g_looks = 0;
  CHECK(find_connections(proc.root(), {10, 20}, settled).links.size() == 2 && g_looks == 2);
  g_looks = 0;
  CHECK(!find_connections(proc.root(), {10, 20}, last_fails).complete && g_looks == 3);
  g_looks = 0;
  CHECK(!find_connections(proc.root(), {10, 20}, first_fails).complete && g_looks == 3);
  g_looks = 0;
  const Connections stranger = find_connections(proc.root(), {10}, settled);
  CHECK(g_looks == 2 && stranger.links.size() == 1 && count(stranger, 10, std::nullopt) == 1);
}

// Only what cannot have changed unseen is not read again.
void settled_descriptors_are_sole_and_living() {
  const ProcFolder proc;
  proc.process(10, {61, 62, 63, 63});
  proc.process(20, {62, 64});
  reaper::FdTable table;
  reaper::read_fd_table(proc.root(), {10, 20}, table);
  const auto found = table.settled({61, 62, 63});
  CHECK(found.size() == 1 && found[0].pid == 10 && found[0].fd == 3 && found[0].inode == 61);
  // What is settled keeps its holder, and what is not is read again.
  proc.relink("20/fd/4", "socket:[65]");
  reaper::read_fd_table(proc.root(), {10, 20}, table, found);
  CHECK(table.is_held(61) && table.is_held(62) && table.is_held(65));
}

SocketTable shared_pair(const std::string&) {
  SocketTable table;
  table.local.push_back({61, 62, ""});
  table.local.push_back({62, 61, ""});
  return table;
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
  const Connections found = find_connections(proc.root(), pids, shared_pair);
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

SocketTable three_pairs(const std::string&) {
  SocketTable table;
  for (const int port : {1, 2, 3}) {
    table.tcp.push_back({loopback(22), loopback(port), static_cast<std::uint32_t>(port)});
    table.tcp.push_back({loopback(port), loopback(22), static_cast<std::uint32_t>(port + 100)});
  }
  table.local.push_back({61, 62, ""});
  table.local.push_back({62, 61, "/tmp/code-1"});
  table.local.push_back({63, 64, ""});
  table.local.push_back({65, 0, ""});
  return table;
}

// Two processes are told of once a kind, with the number of sockets; so are the ends whose other is not
// known.
void sockets_of_the_same_processes_are_one_link() {
  const ProcFolder proc;
  proc.process(10, {1, 2, 3, 61, 63, 65});
  proc.process(20, {101, 102, 62});
  const Connections found = find_connections(proc.root(), {10, 20}, three_pairs);
  const auto sockets = [&](LinkKind kind, pid_t pid, std::optional<pid_t> peer) {
    std::uint32_t sum = 0;
    for (const Link& link : found.links)
      if (link.kind == kind && link.pid == pid && link.peer_pid == peer) sum += link.sockets;
    return sum;
  };
  CHECK(found.links.size() == 6);
  CHECK(sockets(LinkKind::kTcp, 10, 20) == 2 && sockets(LinkKind::kTcp, 20, 10) == 2);
  CHECK(sockets(LinkKind::kTcp, 10, std::nullopt) == 1);
  CHECK(sockets(LinkKind::kUnix, 10, 20) == 1 && sockets(LinkKind::kUnix, 20, 10) == 1);
  CHECK(sockets(LinkKind::kUnix, 10, std::nullopt) == 2);
  for (const Link& link : found.links)
    if (link.kind == LinkKind::kTcp && link.pid == 20)
      CHECK(link.local == "127.0.0.1:1" && link.remote == "127.0.0.1:22");
}

void an_index_tells_the_first_place() {
  reaper::InodeIndex index(3);
  index.add(0, 7);
  index.add(4000000000, 8);
  index.add(4000000000, 9);
  CHECK(index.find(0) == 7 && index.find(4000000000) == 8 && index.find(1) == reaper::InodeIndex::kNone);
  // Full up to what it has room for, in the order that the kernel gives, and in one that a user may choose.
  for (const std::uint32_t step : {1u, 65536u}) {
    reaper::InodeIndex many(5000);
    for (std::uint32_t i = 0; i < 5000; ++i) many.add(i * step, i);
    for (std::uint32_t i = 0; i < 5000; ++i) CHECK(many.find(i * step) == i);
    CHECK(many.find(5000 * step) == reaper::InodeIndex::kNone);
  }
  CHECK(reaper::InodeIndex().find(5) == reaper::InodeIndex::kNone);
}

}  // namespace

int main() {
  proc_files_stand_in_for_netlink();
  nothing_readable_is_none();
  hostile_proc_entries_are_harmless();
  a_second_look_hides_no_client();
  settled_descriptors_are_sole_and_living();
  many_holders_are_joined_cheaply();
  sockets_of_the_same_processes_are_one_link();
  an_index_tells_the_first_place();
  return report("socket_table_test");
}
