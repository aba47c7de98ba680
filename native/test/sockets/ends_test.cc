// Which socket is at the other end, by addresses and names, and what changes between two dumps.
#include <sys/stat.h>

#include "test/sockets/kernel.h"

using namespace reaper;

namespace {

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
  // Which ports are given to clients the system says; of a state that no kernel has, nothing is known.
  const auto direction = [&](int port, int remote_port) {
    const std::string one = text({{"192.0.2.1", port, "192.0.2.9", remote_port, 11}});
    return one[one.find_first_of("<>")];
  };
  for (const auto& [port, remote, wanted] : {std::tuple(32768, 443, '>'),
                                             {60999, 443, '>'},
                                             {32767, 443, '<'},
                                             {61000, 443, '<'},
                                             {40000, 32767, '>'},
                                             {40000, 32768, '<'}})
    CHECK(direction(port, remote) == wanted);
  proc.write("sys/net/ipv4/ip_local_port_range", "1024\t2000\n");
  for (const auto& [port, remote, wanted] :
       {std::tuple(1024, 443, '>'), {2000, 443, '>'}, {2001, 443, '<'}, {1500, 1024, '<'}})
    CHECK(direction(port, remote) == wanted);
  fs::remove_all(proc.root + "/sys");
  CHECK(text({{"192.0.2.1", 22, "192.0.2.9", 40123, 11, 33}}).empty());
  // Of the sockets with the far address, the one of this pair is the far end; who listens at another host's
  // address or at that of two sockets is not.
  CHECK(text({kNear, kFar, {"127.0.0.1", 40123, "127.0.0.1", 81, 50}}).find(":22<127.0.0.1:40123 11") == 9);
  const Tcp any = {"0.0.0.0", 40123, "0.0.0.0", 0, 10, TCP_LISTEN};
  CHECK(text({any, {"192.0.2.1", 22, "192.0.2.9", 40123, 11}}) ==
        "192.0.2.1:22<192.0.2.9:40123 10 elsewhere; ");
  CHECK(
      text({any, kNear, {"127.0.0.1", 40123, "127.0.0.1", 80, 50}, {"127.0.0.1", 40123, "127.0.0.1", 81, 51}})
          .find("127.0.0.1:22>127.0.0.1:40123 10; ") != std::string::npos);
  Kernel both{{tcp(kNear) + tcp(kFar) + kDone}, {kDone}, {tcp({"::1", 22, "::1", 5, 15}) + kDone}};
  const Connections found = both.look(proc, {10});
  CHECK(found.connections.at(0).far_uid == 7U && found.established_tcp == 3);
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
  CHECK(text({{"192.0.2.1", 22, "192.0.2.1", 40123, 11}}) == "192.0.2.1:22<192.0.2.1:40123 10; ");
  CHECK(text({{"192.0.2.1", 22, "192.0.2.9", 40123, 11}, {"192.0.2.9", 40123, "192.0.2.7", 80, 12}})
            .find("192.0.2.1:22<192.0.2.9:40123 10 elsewhere; ") == 0);
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
  CHECK(text(local(10, name("/x"), TCP_LISTEN) + local(50, name("/x") + peer(51) + uid(8))) ==
        "/x<unix:51 10; ");
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
  CHECK(text(local(11, attribute(UNIX_DIAG_SHUTDOWN, "\3") + peer(51))) == "unix:11<unix:51 10; ");
  // The other end was passed on by this user's listener, and is another process's.
  CHECK(text(listener + local(11, peer(50)) + local(50, name("/x") + peer(11) + uid(7))) ==
        "unix:11>/x 10; /x<unix:11 11; ");
  CHECK(text(local(11, peer(51))) == "unix:11<unix:51 10; ");
  // The listener has closed since.
  const std::string client = local(11, peer(51)), accepted = local(51, name("/x") + peer(11));
  CHECK(text(client + accepted) == "unix:11>/x 10; ");
  // Only the last list shows either, the far end first.
  CHECK(text_of(Kernel{{kDone}, {kDone, accepted + client + kDone}}.look(proc, {10})) == "unix:11>/x 10; ");
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

// Guard: one user may have millions of sockets; what has nothing to do with the given processes takes no
// memory.
void only_what_matters_is_kept() {
  const ProcFolder proc;
  proc.process(10, {10, 11, 21});
  const Tcp other = {"127.0.0.1", 80, "127.0.0.1", 50000, 91},
            back = {"127.0.0.1", 50000, "127.0.0.1", 80, 92};
  const std::string waits = tcp({"127.0.0.1", 22, "192.0.2.9", 1, 0, TCP_CLOSE_WAIT}),
                    half = tcp({"127.0.0.1", 81, "192.0.2.9", 1, 93, TCP_CLOSE_WAIT});
  Kernel kernel{{tcp(kListener) + tcp(other) + tcp(back) + half + tcp(kNear) + tcp(kFar) + kDone},
                {local(21, peer(22)) + local(22, peer(21)) + local(31, peer(32)) + local(32, peer(31)) +
                 local(41, "", TCP_ESTABLISHED, SOCK_DGRAM) + kDone}};
  ConnectionOptions options;
  options.proc_root = proc.root;
  options.pids.push_back(10);
  const AskKernel ask = kernel.asked();
  Connections found;
  SocketTable table(options, ProcDir::open(proc.root).take(), ask, found);
  for (int turn = 0; turn < 3; ++turn) table.dump(~0u);
  CHECK(table.ends.size() == 4 && !table.has_half_closed);
  CHECK(table.established[AF_INET] == 4 && table.established[AF_UNIX] == 4);
  kernel.tcp4 = {waits + kDone};
  table.dump(~0u);
  CHECK(table.ends.size() == 5 && table.has_half_closed);
}

}  // namespace

int main() {
  what_one_dump_lacks_another_adds();
  ends_follow_the_addresses();
  ends_follow_the_names();
  only_what_matters_is_kept();
  return report("ends");
}
