// What the folders of /proc show of descriptors and network namespaces, and what they lack.
#include <sys/wait.h>

#include "core/base/clock.h"
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
  CHECK((codes() == std::set<pid_t>{20, 30}));
  // Who may list /proc and not search it knows no owner. Root may always, so another user looks.
  fs::permissions(proc.root,
                  fs::perms::all & ~fs::perms::others_exec & ~fs::perms::group_exec & ~fs::perms::owner_exec);
  const pid_t stranger = fork();
  if (stranger == 0) {
    if (geteuid() == 0 && setuid(54321) != 0) std::_Exit(2);
    std::_Exit(codes() == std::set<pid_t>{10, 20, 30, 40} ? 0 : 1);
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
  proc.link("50/fd/3", "socket:[11x");  // has no namespace any more
  // The first thread shows nothing, and the other cannot be read.
  fs::create_directories(proc.root + "/60/fd");
  proc.write("60/task/61/stat", "");
  proc.write("61/fd", "not a directory");
  Kernel kernel{{tcp(kNear) + kDone}};
  const Connections found = kernel.look(proc, {20, 30, 40, 50, 60});  // 40 has ended: not a fault
  CHECK((found.unreadable == std::set<pid_t>{20, 30, 60}) && found.complete && found.connections.empty());
  CHECK(found.faults.size() == 3);
  for (const Fault& fault : found.faults)
    CHECK(fault.what == "list descriptors" && !fault.uid &&
          fault.detail == (fault.pid == 20 ? "Invalid argument" : "Not a directory"));
  const Connections lost = kernel.look(ProcFolder(), {});
  CHECK(lost.complete);
  const ProcFolder no_self;
  fs::remove(no_self.root + "/self/ns/net");
  CHECK(!kernel.look(no_self, {10}).complete);
  ProcFolder absent;
  fs::remove_all(absent.root);
  const Connections none = kernel.look(absent, {10});
  CHECK(!none.complete && none.unreadable == std::set<pid_t>{10} && none.faults.size() == 1);
  CHECK(none.faults[0].what == "open " + absent.root);
}

// Both ends of a terminal, by either name of its master.
void terminals_have_numbers() {
  for (const char* master : {"/dev/ptmx", "/dev/pts/ptmx"}) {
    const ProcFolder proc;
    proc.process(10, {});
    proc.process(20, {});
    proc.link("10/fd/3", master);
    proc.write("10/fdinfo/3", "pos:\t0\nflags:\t02\ntty-index:\t7\n");
    proc.link("20/fd/3", "/dev/pts/7");
    proc.link("20/fd/4", "/dev/pts/8");
    CHECK(text_of(Kernel().look(proc, {10, 20})) == "pts/7=pts/7 11; ");
    // One that was closed meanwhile is none, and hides no other; one that cannot be read is unknown.
    fs::remove(proc.root + "/10/fdinfo/3");
    for (int fd = 10; fd < 20; ++fd) proc.link("10/fd/" + std::to_string(fd), master);
    for (int fd = 20; fd < 40; ++fd)
      proc.link("10/fd/" + std::to_string(fd), "socket:[" + std::to_string(fd) + "]");
    ConnectionOptions options;
    options.proc_root = proc.root;
    options.pids = {10, 20};
    Connections found;
    const HolderTable table(options, ProcDir::open(proc.root).take(), found);
    CHECK(found.unreadable.empty() && table.held[kSocket].size() == 20);
    fs::create_directory(proc.root + "/10/fdinfo/3");
    CHECK(Kernel().look(proc, {10, 20}).unreadable == std::set<pid_t>{10});
  }
}

// Guard: who exceeds a budget is unreadable alone, and root has none.
void budgets_are_of_each_user() {
  if (!is_root()) return;
  const ProcFolder proc;
  proc.process(10, {61, 62, 63}, "net:[1]", 0);
  proc.process(20, {71, 72, 73}, "net:[1]", 54321);
  proc.write("20/task/20/stat", "");  // a thread is read only where the first one shows nothing
  proc.process(21, {}, "net:[1]", 54321);
  proc.process(22, {74}, "net:[1]", 54321);
  proc.process(30, {81, 82}, "net:[1]", 54322);
  const auto unreadable = [&proc](std::size_t descriptors) {
    Kernel kernel;
    kernel.options.user_descriptors = descriptors;
    const Connections found = kernel.look(proc, {10, 20, 21, 22, 30});
    CHECK(found.complete && found.faults.size() == (found.unreadable.empty() ? 0 : 1));
    for (const Fault& fault : found.faults) CHECK(fault.what == "list descriptors" && fault.uid == 54321U);
    return found.unreadable;
  };
  CHECK(unreadable(4).empty());
  for (const std::size_t few : {2, 3}) CHECK((unreadable(few) == std::set<pid_t>{20, 21, 22}));

  // The same of the pids in lists: each of these connections has one.
  const auto listed = [&proc](std::size_t pids) {
    Kernel kernel;
    std::string records;
    for (const std::uint32_t inode : {61, 62, 63, 71, 72, 73, 74, 81, 82})
      records += tcp({"192.0.2.1", 22, "192.0.2.9", static_cast<int>(inode), inode});
    kernel.tcp4 = {records + kDone};
    kernel.options.user_pids = pids;
    return kernel.look(proc, {10, 20, 22, 30});
  };
  CHECK(listed(4).unreadable.empty() && listed(4).connections.size() == 9);
  const Connections found = listed(3);
  CHECK((found.unreadable == std::set<pid_t>{20, 22}) && found.connections.size() == 8);
  CHECK(found.faults.size() == 1 && found.faults[0].uid == 54321U);
  CHECK(listed(2).unreadable == found.unreadable && listed(2).connections.size() == 7);  // root's are three
}

void a_process_holds_what_it_holds_once() {
  const ProcFolder proc;
  proc.process(30, {11, 11});
  CHECK(text_of(Kernel{{tcp(kNear) + kDone}}.look(proc, {30})) == "127.0.0.1:22<127.0.0.1:40123 10; ");
  for (const pid_t pid : {10, 20}) {
    proc.process(pid, {});
    proc.link(std::to_string(pid) + "/fd/3", "pipe:[5]");  // both ends, by the mode of a link
  }
  CHECK(text_of(Kernel().look(proc, {10})).empty());
  CHECK(text_of(Kernel().look(proc, {10, 20})) == "pipe:5=pipe:5 22; ");
}

// Guard: a user may have a hundred listeners at one place, each held by a hundred processes, and any number
// of clients that wait there. The CPU time of a look is compared with that of a look at as many places.
void listeners_that_share_a_place_cost_no_more() {
  const ProcFolder proc;
  std::vector<std::uint32_t> inodes;
  std::vector<pid_t> pids;
  for (std::uint32_t inode = 100; inode < 200; ++inode) inodes.push_back(inode);
  for (pid_t pid = 1000; pid < 1100; ++pid) pids.push_back(pid);
  for (const pid_t pid : pids) proc.process(pid, inodes);
  const auto look = [&](bool is_shared) {
    std::string list;
    for (const std::uint32_t inode : inodes)
      list += tcp({"127.0.0.1", is_shared ? 22 : int(inode), "0.0.0.0", 0, inode, TCP_LISTEN});
    for (int port = 10000; port < 15000; ++port)
      list += tcp({"127.0.0.1", is_shared ? 22 : 100, "192.0.2.9", port, 0});
    Kernel kernel{{list + kDone}};
    const std::int64_t before = now_ms(CLOCK_PROCESS_CPUTIME_ID);
    const Connections found = kernel.look(proc, pids);
    CHECK(found.connections.size() == 5000 && found.connections[0].near == pids);
    return now_ms(CLOCK_PROCESS_CPUTIME_ID) - before;
  };
  const std::int64_t apart = look(false);
  CHECK(look(true) < 3 * apart);
}

}  // namespace

int main() {
  listeners_that_share_a_place_cost_no_more();
  what_cannot_be_read_is_unreadable();
  what_proc_lacks_is_no_absence();
  terminals_have_numbers();
  budgets_are_of_each_user();
  a_process_holds_what_it_holds_once();
  return report("holders");
}
