// What the folders of /proc show of descriptors and network namespaces, and what they lack.
#include <sys/wait.h>

#include <algorithm>

#include "test/sockets/kernel.h"

using namespace reaper;

namespace {

// Nothing is concluded about a process whose namespace, descriptors or owner cannot be read.
void what_cannot_be_read_is_unreadable() {
  const ProcFolder proc;
  proc.process(10, {11});
  proc.write("20/ns/net", "no link");
  proc.write("30/fd", "no folder");
  const auto codes = [&] {
    Kernel kernel{{tcp(kNear) + kDone}};
    return kernel.look(proc, {40, 30, 20, 10, 10}).unreadable;  // 40 has ended
  };
  CHECK((codes() == std::vector<pid_t>{20, 30}));
  // Who may list /proc and not search it knows no owner. Root may always, so another user looks.
  fs::permissions(proc.root,
                  fs::perms::all & ~fs::perms::others_exec & ~fs::perms::group_exec & ~fs::perms::owner_exec);
  const pid_t stranger = fork();
  if (stranger == 0) {
    if (geteuid() == 0 && setuid(54321) != 0) std::_Exit(2);
    std::_Exit(codes() == std::vector<pid_t>{10, 20, 30, 40} ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(stranger, &status, 0) == stranger && status == 0);
  fs::permissions(proc.root, fs::perms::owner_all);
}

void what_proc_lacks_is_no_absence() {
  const ProcFolder proc;
  int fd = 10;
  for (const char* text :
       {"socket:[", "socket:[]", "socket:[-1]", "socket:[1", "socket:[99999999999999999999]",
        "/tmp/socket:[11]", "socket:[1x]", "anon_inode:[eventpoll]", "/dev/pts/", "/dev/pts/3 (deleted)"})
    proc.link("20/fd/" + std::to_string(fd++), text);
  proc.link("20/fd/7", std::string(3000, 'x'));
  proc.write("20/fd/9", "no link");
  proc.link("20/ns/net", "net:[1]");
  proc.write("30/fd", "not a directory");
  Kernel kernel;
  const Connections found = kernel.look(proc, {20, 30, 40});  // 40 has ended: not a fault
  CHECK((found.unreadable == std::vector<pid_t>{20, 30}) && found.complete && found.connections.empty());
  CHECK(found.faults.size() == 2);
  const Connections lost = kernel.look(ProcFolder(), {});
  CHECK(lost.complete);
  const ProcFolder no_self;
  fs::remove(no_self.root + "/self/ns/net");
  CHECK(!kernel.look(no_self, {10}).complete);
  ProcFolder absent;
  fs::remove_all(absent.root);
  const Connections none = kernel.look(absent, {10});
  CHECK(!none.complete && none.unreadable == std::vector<pid_t>{10} && !none.faults.empty());

  const ProcFolder other;
  other.process(10, {60, 61, 62, 63, 64}, "net:[2]");
  other.write("10/net/dev", "head\nhead\n    lo: 1 2\n");
  Connections elsewhere = kernel.look(other, {10});
  CHECK(elsewhere.other_nets.size() == 1 && elsewhere.other_nets[0].only_loopback);
  CHECK(elsewhere.unlisted.empty());  // these descriptors lead nowhere by now
  other.write("10/net/dev", "head\nhead\n    lo: 1 2\n  eth0: 1 2\n");
  CHECK(!kernel.look(other, {10}).other_nets.at(0).only_loopback);
  CHECK((parse_net_unix("Num\n00000: 3 0 0 0001 03 61 /run/x\nhostile: a b c 0001 9 line\nno 1 2 3 4 5 62\n"
                        "00000: 2 0 00010000 0001 01 63 /run/x\n00000: 2 0 00010000 0001 01 64 @x\n"
                        "00000: 2 0 00010000 0001 01 65\n00000: 3 0") ==
         std::vector<std::uint32_t>{61, 64, 65}));
}

// Guard: of one user's namespaces only so many are read, and the others are in doubt.
void one_users_namespaces_are_bounded() {
  if (geteuid() != 0) return skip("only root can build processes of two users");
  const ProcFolder many;
  std::vector<pid_t> pids;
  for (pid_t pid = 100; pid < 168; ++pid) {
    pids.push_back(pid);
    many.process(pid, {}, ("net:[" + std::to_string(pid) + "]").c_str());
    many.write(std::to_string(pid) + "/net/unix", "Num\n");
    many.write(std::to_string(pid) + "/net/dev", "head\nhead\n    lo: 1 2\n");
    CHECK(chown((many.root + "/" + std::to_string(pid)).c_str(), 54321, 0) == 0);
  }
  many.process(200, {}, "net:[200]");
  CHECK(chown((many.root + "/200").c_str(), 54322, 0) == 0);  // of a user who was not asked for
  const Connections read = Kernel().look(many, pids);
  CHECK(read.other_nets.size() == 68 && read.faults.size() == 1 && read.faults[0].uid == 54321U);
  CHECK(std::count_if(read.other_nets.begin(), read.other_nets.end(),
                      [](const auto& net) { return net.only_loopback; }) == 64);
}

}  // namespace

int main() {
  what_cannot_be_read_is_unreadable();
  what_proc_lacks_is_no_absence();
  one_users_namespaces_are_bounded();
  return report("holders");
}
