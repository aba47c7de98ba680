// The hook without its process: who is closing, what survives, what is tagged; on built folders, real cgroups
// and real children.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "hook/cgroup_walk.h"
#include "hook/close.h"
#include "hook/fault_count.h"
#include "hook/survivors.h"
#include "hook/syslog.h"
#include "hook/tag_store.h"
#include "test/check.h"
#include "test/proc_fixture.h"

namespace {

namespace fs = std::filesystem;
using namespace reaper;
using namespace reaper::hook;

const std::string kNode = "/home/a/.vscode-server/bin/0123456789abcdef0123456789abcdef01234567/node";
constexpr const char* kUnset = "4294967295";

std::string slice_of(uid_t uid) { return "/user.slice/user-" + std::to_string(uid) + ".slice"; }

// A built /proc with this process's own files, a cgroup tree, a tag directory and a login.defs.
struct Host {
  ProcFixture proc;
  Places places;
  uid_t user = fixture_uid();

  Host() {
    places.proc_root = proc.root();
    places.cgroup_root = proc.root() + "/cgroup";
    places.tag_directory = proc.root() + "/run/tags";
    places.login_defs = proc.root() + "/login.defs";
    places.owner = geteuid();
    write_file(places.login_defs, "UID_MIN 1000\n");
    fs::permissions(proc.root(), fs::perms::owner_all);
    set_self(std::to_string(user), "7", "0::" + slice_of(user) + "/session-42.scope\n");
    add(1, 0, "/usr/lib/systemd/systemd", 0);
  }

  void set_self(const std::string& login_uid, const std::string& audit_session,
                const std::string& cgroup) const {
    write_file(proc.root() + "/self/loginuid", login_uid);
    write_file(proc.root() + "/self/sessionid", audit_session);
    write_file(proc.root() + "/self/cgroup", cgroup);
  }

  void add(pid_t pid, pid_t ppid, const std::string& exe, uid_t uid) const {
    FakeProcess p;
    p.pid = pid;
    p.ppid = ppid;
    p.exe = exe;
    p.uid = uid;
    p.start_time = 5000 + static_cast<std::uint64_t>(pid);
    proc.add(p);
  }
  void add(pid_t pid, pid_t ppid, const std::string& exe) const { add(pid, ppid, exe, user); }

  std::string cgroup(const std::string& path, const std::string& pids) const {
    const std::string folder = places.cgroup_root + path;
    fs::create_directories(folder);
    write_file(folder + "/cgroup.procs", pids);
    return folder;
  }

  Result<Session> identify(const ClientText& text = {}) const {
    Result<ProcDir> opened = ProcDir::open(places.proc_root);
    return reaper::hook::identify(opened.value(), places.cgroup_root, text);
  }
  SurvivorReport survey(const std::vector<std::string>& slices, pid_t self = 1) const {
    Result<ProcDir> opened = ProcDir::open(places.proc_root);
    return find_survivors(opened.value(), slices, user, self);
  }
  std::vector<pid_t> roots(const std::vector<std::string>& slices = {}, pid_t self = 1) const {
    std::vector<pid_t> pids;
    for (const Survivor& root : survey(slices, self).roots) pids.push_back(root.id.pid);
    return pids;
  }
};

void test_identity() {
  const Host host;
  const ClientText client{std::string("client.example.org"), std::string("777")};
  Result<Session> session = host.identify(client);
  CHECK(session.ok());
  if (session) {
    CHECK(session.value().uid == host.user && session.value().audit_session == 7U);
    CHECK(session.value().logind_session == "42");  // the kernel's word before the environment's
    CHECK(session.value().remote_host == "client.example.org");
    CHECK(!session.value().slices.empty() &&
          session.value().slices[0] == host.places.cgroup_root + slice_of(host.user));
  }
  // No audit: the slice says who. A user may name what lies below the own slice, so the outermost counts.
  host.set_self(kUnset, kUnset, "0::/user.slice/user-1234.slice/user@1234.service/user-0.slice/x.scope\n");
  session = host.identify(client);
  CHECK(session.ok() && session.value().uid == 1234 && !session.value().audit_session);
  CHECK(session.ok() && session.value().logind_session == "777");
  // A kernel without audit has no such files; version 1 has the path on the named line.
  fs::remove(host.proc.root() + "/self/loginuid");
  fs::remove(host.proc.root() + "/self/sessionid");
  write_file(host.proc.root() + "/self/cgroup",
             "4:memory:/\n1:name=systemd:/user.slice/user-1234.slice/session-c9.scope\n0::/\n");
  session = host.identify();
  CHECK(session.ok() && session.value().uid == 1234 && session.value().logind_session == "c9");
  CHECK(session.ok() &&
        session.value().slices.back() == host.places.cgroup_root + "/systemd" + slice_of(1234));
  // The login uid decides against the slice of the user who started this sshd by hand.
  host.set_self("1235", "9", "0::/user.slice/user-1234.slice/session-1.scope\n");
  session = host.identify();
  CHECK(session.ok() && session.value().uid == 1235 && session.value().slices.empty());
  CHECK(session.ok() && !session.value().logind_session);
}

void test_no_identity() {
  const Host host;
  for (const char* cgroup :
       {"0::/system.slice/ssh.service\n", "0::/user.slice\n", "0::/user.slice/user-.slice/x\n",
        "0::/user.slice/user--1.slice/x\n", "0::/user.slice/user-1x.slice/x\n",
        "0::/user.slice/xuser-1234.slice\n", "0::/user.slice/user-99999999999.slice\n",
        "0::/../../user.slice/user-1234.slice/x\n"}) {
    host.set_self(kUnset, kUnset, cgroup);
    const Result<Session> session = host.identify({std::string("x"), std::string("1234")});
    CHECK(!session.ok() && session.failure().code == ESRCH);
    const CloseReport report = close_session(host.places, {});
    CHECK(report.faults.size() == 1 && report.tagged == 0);
  }
  for (const char* login_uid : {"", "x", "-1", "10 01", "99999999999999999999"}) {
    host.set_self(login_uid, "7", "0::/user.slice/user-1234.slice\n");
    const Result<Session> session = host.identify();
    CHECK(!session.ok() && session.failure().code == EBADMSG);
  }
  CHECK(!fs::exists(host.places.tag_directory));
}

void test_client_text() {
  const char* const environment[] = {"PAM_RHOST=forged",
                                     "PATH=/x",
                                     "XDG_SESSION_ID=777",
                                     "LD_PRELOAD=/x.so",
                                     "PAM_USER=root",
                                     "NOEQUALS",
                                     "XDG_SESSION_ID=c1",
                                     "PAM_RHOST=a\x1b[2J\nb\xc2\x9b",
                                     nullptr};
  ClientText text = read_client_text(environment);
  CHECK(text.remote_host == "a?[2J?b??");
  CHECK(text.logind_session == "c1");
  const std::string host = "PAM_RHOST=" + std::string(100000, 'h');
  const char* const hostile[] = {"XDG_SESSION_ID=7", host.c_str(), "XDG_SESSION_ID=../../x", nullptr};
  text = read_client_text(hostile);
  CHECK(text.remote_host && text.remote_host->size() == kMaxTagText);
  CHECK(!text.logind_session);
  CHECK(!read_client_text(nullptr).remote_host);
}

void test_uid_min() {
  const Host host;
  Result<ProcDir> reader = ProcDir::open(host.proc.root());
  const struct {
    const char* text;
    uid_t uid_min;
  } rows[] = {{"UID_MIN 500\n", 500},
              {"#UID_MIN 5\n UID_MIN\t 2000 # x\nUID_MAX 9", 2000},
              {"UID_MIN_X 5\n", 1000},
              {"UID_MIN\n", 1000},
              {"UID_MIN x\nSYS_UID_MIN 7\n", 1000},
              {"", 1000},
              {"UID_MIN 1000", 1000},
              {"UID_MIN 300", 300}};
  for (const auto& row : rows) {
    write_file(host.places.login_defs, row.text);
    CHECK(read_uid_min(reader.value(), host.places.login_defs) == row.uid_min);
  }
  CHECK(read_uid_min(reader.value(), host.proc.root() + "/absent") == 1000);
}

void test_trees() {
  const Host host;
  host.add(100, 1, kNode);  // a tree: server, plain child, server below
  host.add(110, 100, "/bin/bash");
  host.add(120, 110, kNode);
  host.add(200, 1, "/bin/bash");  // a plain process above a server
  host.add(210, 200, kNode + " (deleted)");
  host.add(300, 1, "/usr/bin/vim");
  host.add(310, 300, "");      // a zombie has no exe
  host.add(400, 9999, kNode);  // the parent is not the user's
  host.add(500, 510, kNode);   // a circle, which reads at different times could draw
  host.add(510, 500, kNode);
  if (geteuid() == 0) {
    host.add(600, 1, kNode, host.user + 1);
    host.add(610, 600, kNode);  // another's server above does not stand for this tree
  } else {
    std::fprintf(stderr, "SKIPPED: another user's processes (not root)\n");
  }
  std::vector<pid_t> expected{100, 210, 400, 500};
  if (geteuid() == 0) expected.push_back(610);
  std::vector<pid_t> roots = host.roots();
  // Of the circle one is named; the younger's parent link is the believed one.
  CHECK(roots == expected);
  const SurvivorReport survey = host.survey({});
  CHECK(!survey.by_cgroup && survey.faults.empty());
  CHECK(survey.roots[0].product == "vscode" && survey.roots[0].id.start_time == 5100);
  // This process and its ancestors end with the session.
  roots = host.roots({}, 120);
  CHECK(std::find(roots.begin(), roots.end(), 100) == roots.end() && roots.size() == expected.size() - 1);
  // A torn stat is a fault, and the others are still found.
  write_file(host.proc.path(300, "stat"), "300 (vim) S 1");
  CHECK(host.survey({}).faults.size() == 1 && host.roots() == expected);
}

void test_hidden() {
  const Host host;
  CHECK(host.survey({}).faults.empty());
  if (geteuid() != 0) {
    std::fprintf(stderr, "SKIPPED: a process that /proc hides (not root)\n");
    return;
  }
  // The first process of this machine lives, and this /proc does not have it.
  fs::remove_all(host.proc.root() + "/1");
  const SurvivorReport survey = host.survey({});
  CHECK(survey.faults.size() == 1 && survey.faults[0].code == EACCES && survey.processes == 0);
}

void test_cgroup_listing() {
  const Host host;
  host.add(100, 1, kNode);
  host.add(200, 1, kNode);
  host.add(300, 1, kNode);
  const std::string slice = host.cgroup(slice_of(host.user), "");
  host.cgroup(slice_of(host.user) + "/session-1.scope", "0\n100\n");
  host.cgroup(slice_of(host.user) + "/user@1.service/app.slice/x.scope", "200\n4999999\n100\n");
  SurvivorReport survey = host.survey({host.proc.root() + "/absent", slice});
  // 300 is outside the slice, 4999999 is beyond the largest pid, 0 is in another pid namespace.
  CHECK(survey.by_cgroup && survey.processes == 2 && survey.roots.size() == 2 && survey.faults.empty());
  // Beyond the bounds all of /proc is walked instead, so a user cannot hide behind many or deep cgroups.
  for (int i = 0; i < 520; ++i) host.cgroup(slice_of(host.user) + "/user@1.service/" + std::to_string(i), "");
  survey = host.survey({slice});
  CHECK(!survey.by_cgroup && survey.roots.size() == 3);
  Result<ProcDir> reader = ProcDir::open(host.proc.root());
  const Result<std::vector<pid_t>> wide = list_cgroup(reader.value(), slice, {});
  CHECK(!wide.ok() && wide.failure().code == E2BIG);
  std::string deep = "/deep";
  for (int i = 0; i < 20; ++i) deep += "/d";
  host.cgroup(deep, "100\n");
  fs::remove(host.places.cgroup_root + "/deep/cgroup.procs");
  const Result<std::vector<pid_t>> bounded =
      list_cgroup(reader.value(), host.places.cgroup_root + "/deep", {});
  CHECK(!bounded.ok() && bounded.failure().code == E2BIG);
}

std::string read_tag(const Host& host, const std::string& name) {
  std::ifstream file(host.places.tag_directory + "/" + name);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::size_t count_files(const std::string& directory) {
  const fs::directory_iterator first(directory);
  return static_cast<std::size_t>(std::distance(begin(first), end(first)));
}

void test_close() {
  const Host host;
  host.add(100, 1, kNode);
  host.add(110, 100, kNode);
  host.add(200, 1, "/home/a/.cursor-server/bin/c/node");
  CloseReport report = close_session(host.places, {std::string("10.0.0.1"), {}});
  // Without root the first process of the fixture is this user's as well.
  const unsigned processes = geteuid() == 0 ? 3 : 4;
  CHECK(report.uid == host.user && report.processes == processes && report.trees == 2 && report.tagged == 2);
  CHECK(report.faults.empty());
  const std::string tag = read_tag(host, "100-5100.json");
  for (const std::string& part :
       {std::string(R"("bootId":"3f0c4f3e-1111-2222-3333-444455556666")"),
        R"("uid":)" + std::to_string(host.user) + ",", std::string(R"("root":{"pid":100,"startTime":5100})"),
        std::string(R"("auditSession":7,"logindSession":"42","closedAt":1)"),
        std::string(R"("product":"vscode","remoteHost":"10.0.0.1")")})
    CHECK(tag.find(part) != std::string::npos);
  CHECK(read_tag(host, "200-5200.json").find(R"("product":"cursor")") != std::string::npos);
  CHECK(count_files(host.places.tag_directory) == 2);
  // A system user is not looked at, and that is not a fault.
  write_file(host.places.login_defs, "UID_MIN 4000000000\n");
  report = close_session(host.places, {});
  CHECK(report.trees == 0 && report.faults.empty());
  write_file(host.places.login_defs, "UID_MIN 0\n");
  host.set_self("0", "7", "0::/user.slice/user-0.slice/session-1.scope\n");
  report = close_session(host.places, {});
  CHECK(report.trees == 0 && report.faults.empty());
}

void test_close_faults() {
  const Host host;
  // Nothing to tag: no directory is made.
  CHECK(close_session(host.places, {}).faults.empty() && !fs::exists(host.places.tag_directory));
  host.add(100, 1, kNode);
  fs::create_directories(host.proc.root() + "/elsewhere");
  fs::create_directories(host.proc.root() + "/run");
  fs::permissions(host.proc.root() + "/run", fs::perms::owner_all);
  fs::create_directory_symlink(host.proc.root() + "/elsewhere", host.places.tag_directory);
  CloseReport report = close_session(host.places, {});
  CHECK(report.tagged == 0 && report.faults.size() == 1);
  CHECK(fs::is_empty(host.proc.root() + "/elsewhere"));
  fs::remove(host.places.tag_directory);
  write_file(host.proc.root() + "/sys/kernel/random/boot_id", "no boot id\n");
  report = close_session(host.places, {});
  CHECK(report.tagged == 0 && report.faults.size() == 1);
  Places nowhere = host.places;
  nowhere.proc_root = host.proc.root() + "/absent";
  CHECK(close_session(nowhere, {}).faults.size() == 1);
}

// Guard: one user cannot use up the tags of all, and gets back at each logout what their dead processes had.
void test_many_trees() {
  const Host host;
  const auto add = [&](pid_t first) {
    for (pid_t pid = first; pid < first + 200; ++pid) host.add(pid, 1, kNode);
  };
  const auto tags = [&] { return count_files(host.places.tag_directory); };
  add(1000);
  CloseReport report = close_session(host.places, {});
  CHECK(report.trees == 200 && report.tagged == 128 && report.faults.size() == 1);
  // The same trees again are dated anew.
  report = close_session(host.places, {});
  CHECK(report.tagged == 128 && tags() == 128);
  for (pid_t first = 1000; first < 3000; first += 200) {
    for (pid_t pid = first; pid < first + 200; ++pid)
      fs::remove_all(host.proc.root() + "/" + std::to_string(pid));
    add(first + 200);
    report = close_session(host.places, {});
    CHECK(report.tagged == 128 && tags() == 128);
  }
}

// Guard: users who act together cannot fill /run.
void test_tags_of_all() {
  if (geteuid() != 0) {
    std::fprintf(stderr, "SKIPPED: another user's tags (not root)\n");
    return;
  }
  const Host host;
  host.add(100, 1, kNode);
  host.add(200, 1, kNode);
  CHECK(close_session(host.places, {}).tagged == 2);
  host.add(300, 1, kNode);
  // Of process 1, which lives and is another user's.
  for (int i = 2; i < 6144; ++i)
    write_file(host.places.tag_directory + "/1-" + std::to_string(i) + ".json", "");
  const CloseReport report = close_session(host.places, {});
  CHECK(report.trees == 3 && report.tagged == 2 && report.faults.size() == 1);
  if (report.faults.size() == 1)
    CHECK(report.faults[0].code == E2BIG && report.faults[0].what.find("all users") == 0);
  CHECK(count_files(host.places.tag_directory) == 6144);
}

void test_syslog() {
  const Host host;
  const std::string path = host.proc.root() + "/log";
  CHECK(Syslog(path).fd() < 0);
  Syslog(path).send(Priority::kWarning, "dropped");
  CHECK(Syslog(std::string(300, 'x')).fd() < 0);
  const UniqueFd daemon(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  CHECK(bind(daemon.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  const Syslog log(path);
  log.send(Priority::kWarning, "a\nb\x1b[2J");
  char buffer[1024];
  const ssize_t size = recv(daemon.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  CHECK(size > 0 && std::string(buffer, static_cast<std::size_t>(size)) ==
                        "<36>vscode-grim-reaper[" + std::to_string(getpid()) + "]: session-close: a?b?[2J");
  CHECK(format_log_line(Priority::kDebug, std::string(10000, 'x')).size() == 480);
  for (int i = 0; i < 10000; ++i) log.send(Priority::kWarning, "nobody reads");  // must not block
}

void test_fault_count() {
  const Host host;
  const std::string folder = host.proc.root() + "/faults";
  const std::string file = folder + "/" + kFaultsFile;
  const auto add = [](const std::string& directory, std::size_t amount) {
    return add_to_count(directory.c_str(), kFaultsFile, amount);
  };
  CHECK(add(folder, 1) == Counted::kFirst);
  CHECK(add(folder, 2) == Counted::kAgain);
  CHECK(fs::file_size(file) == 3);
  CHECK(add_to_count(folder.c_str(), kUnreadableFile, 1) == Counted::kFirst);  // a count of its own
  CHECK(fs::file_size(file) == 3);
  CHECK((fs::status(file).permissions() & fs::perms::mask) ==
        (fs::perms::owner_read | fs::perms::owner_write));
  CHECK((fs::status(folder).permissions() & fs::perms::mask) == fs::perms::owner_all);
  fs::resize_file(file, kMaxFaultBytes - 1);
  CHECK(add(folder, 5) == Counted::kAgain);
  CHECK(add(folder, 1) == Counted::kAgain);
  CHECK(fs::file_size(file) == kMaxFaultBytes);
  // A link, a fifo and a folder that others may write are left alone, and no open waits.
  const std::string victim = host.proc.root() + "/victim";
  write_file(victim, "");
  fs::remove(file);
  fs::create_symlink(victim, file);
  CHECK(add(folder, 1) == Counted::kFailed);
  CHECK(fs::file_size(victim) == 0);
  fs::remove(file);
  CHECK(mkfifo(file.c_str(), 0600) == 0);
  CHECK(add(folder, 1) == Counted::kFailed);
  fs::remove(file);
  fs::permissions(folder, fs::perms::all);
  CHECK(add(folder, 1) == Counted::kFailed);
  CHECK(!fs::exists(file));
  fs::permissions(folder, fs::perms::owner_all);
  const std::string link = host.proc.root() + "/link";
  fs::create_directory_symlink(folder, link);
  CHECK(add(link, 1) == Counted::kFailed);
  CHECK(!fs::exists(file));
  CHECK(add(host.proc.root() + "/absent/below", 1) == Counted::kFailed);
}

// Copies of this program under a server's name, one below the other; the last says when all are there.
struct RealTree {
  pid_t top = -1;
  std::vector<std::string> exes;

  explicit RealTree(const std::vector<std::string>& paths) : exes(paths) {
    for (const std::string& path : paths) {
      fs::create_directories(fs::path(path).parent_path());
      fs::copy_file("/proc/self/exe", path, fs::copy_options::overwrite_existing);
    }
    int ready[2];
    CHECK(pipe(ready) == 0);
    top = fork();
    if (top == 0) {
      dup2(ready[1], STDOUT_FILENO);
      close(ready[0]);
      close(ready[1]);
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      std::vector<char*> argv{exes[0].data(), const_cast<char*>("--tree")};
      for (std::size_t i = 1; i < exes.size(); ++i) argv.push_back(exes[i].data());
      argv.push_back(nullptr);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(ready[1]);
    char byte = 0;
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
  }
  ~RealTree() {
    kill(top, SIGKILL);
    waitpid(top, nullptr, 0);
  }
};

// The body of one process of a RealTree: start the next, then stay.
int stay(char** rest) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (*rest == nullptr) {
    (void)!write(STDOUT_FILENO, "r", 1);
  } else if (fork() == 0) {
    std::vector<char*> argv{rest[0], const_cast<char*>("--tree")};
    for (char** next = rest + 1; *next != nullptr; ++next) argv.push_back(*next);
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  for (;;) pause();
}

bool holds(const SurvivorReport& survey, pid_t pid) {
  for (const Survivor& root : survey.roots) {
    if (root.id.pid == pid) return true;
  }
  return false;
}

void test_real_tree() {
  const Host host;
  const std::string home = host.proc.root() + "/home";
  const RealTree tree(
      {home + "/.vscode-server/bin/c/node", home + "/bash", home + "/.vscode-server/bin/c/node"});
  const RealTree launched({home + "/sh", home + "/.newfork-server/bin/c/node"});
  const RealTree other({home + "/vim"});
  Result<ProcDir> proc = ProcDir::open("/proc");
  const auto survey = [&] { return find_survivors(proc.value(), {}, geteuid(), getpid()); };
  const SurvivorReport found = survey();
  std::size_t ours = 0;
  std::string target;
  for (const Survivor& root : found.roots) {
    target = fs::read_symlink("/proc/" + std::to_string(root.id.pid) + "/exe");
    if (target.compare(0, home.size(), home) == 0) ++ours;
  }
  CHECK(ours == 2);  // others on this machine may run servers of their own
  CHECK(holds(found, tree.top) && !holds(found, launched.top) && !holds(found, other.top));
  // An updated server's executable is gone from the disk; the process is still one.
  fs::remove_all(home + "/.vscode-server");
  CHECK(holds(survey(), tree.top));
  // A dead one that nobody has waited for is not.
  kill(tree.top, SIGKILL);
  siginfo_t info{};
  CHECK(waitid(P_PID, static_cast<id_t>(tree.top), &info, WEXITED | WNOWAIT) == 0);
  CHECK(!holds(survey(), tree.top));
}

// The unified hierarchy of this machine, wherever it is mounted.
std::string unified_mount() {
  for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    if (fs::exists(std::string(mount) + "/cgroup.subtree_control") ||
        fs::exists(std::string(mount) + "/cgroup.procs"))
      return mount;
  }
  return {};
}

void test_real_cgroup() {
  const std::string mount = unified_mount();
  const std::string slice = mount + "/reaper-hook-test-" + std::to_string(getpid());
  std::error_code error;
  if (geteuid() != 0 || mount.empty() || !fs::create_directory(slice, error)) {
    std::fprintf(stderr, "SKIPPED: a real cgroup (not root, or no writable unified hierarchy)\n");
    return;
  }
  fs::create_directories(slice + "/threaded/below");
  {
    const Host host;
    const RealTree inside({host.proc.root() + "/.vscode-server/bin/c/node"});
    const RealTree outside({host.proc.root() + "/.vscode-server/bin/d/node"});
    const RealTree threaded({host.proc.root() + "/.vscode-server/bin/e/node"});
    write_file(slice + "/cgroup.procs", std::to_string(inside.top));
    // Reading cgroup.procs of a threaded cgroup fails; the one above lists its processes.
    write_file(slice + "/threaded/below/cgroup.type", "threaded");
    write_file(slice + "/threaded/cgroup.procs", std::to_string(threaded.top));
    write_file(slice + "/threaded/below/cgroup.threads", std::to_string(threaded.top));
    Result<ProcDir> proc = ProcDir::open("/proc");
    const SurvivorReport survey = find_survivors(proc.value(), {slice}, 0, getpid());
    CHECK(survey.by_cgroup && survey.faults.empty() && survey.processes == 2);
    CHECK(holds(survey, inside.top) && holds(survey, threaded.top) && !holds(survey, outside.top));
  }
  for (const std::string& folder : {slice + "/threaded/below", slice + "/threaded", slice})
    CHECK(rmdir(folder.c_str()) == 0);
}

std::size_t open_files() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--tree") == 0) return stay(argv + 2);
  const std::size_t before = open_files();
  test_identity();
  test_no_identity();
  test_client_text();
  test_uid_min();
  test_trees();
  test_hidden();
  test_cgroup_listing();
  test_close();
  test_close_faults();
  test_many_trees();
  test_tags_of_all();
  test_syslog();
  test_fault_count();
  test_real_tree();
  test_real_cgroup();
  CHECK(open_files() == before);
  return report("hook");
}
