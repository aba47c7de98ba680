// The hook without its process: who closes, what is written, and what is refused.
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <iterator>
#include <random>

#include "hook/close.h"
#include "hook/fault_count.h"
#include "hook/syslog.h"
#include "hook/tag_store.h"
#include "test/check.h"
#include "test/proc_fixture.h"

namespace {

namespace fs = std::filesystem;
using namespace reaper;
using namespace reaper::hook;

constexpr const char* kUnset = "4294967295";
constexpr uid_t kStranger = 4321;

// A /proc with this process's own files, a tag directory and a login.defs.
struct Host {
  ProcFixture proc;
  Places places;
  std::string tags = proc.root() + "/run/tags";

  Host() {
    places.proc_root = proc.root();
    places.tag_directory = tags;
    places.login_defs = proc.root() + "/login.defs";
    places.owner = geteuid();
    write_file(places.login_defs, "UID_MIN 1000\n");
    fs::permissions(proc.root(), fs::perms::owner_all);
    set_self("1234", "7", "0::/user.slice/user-1234.slice/session-42.scope\n");
  }

  void set_self(const std::string& login_uid, const std::string& audit_session,
                const std::string& cgroup) const {
    write_file(proc.root() + "/self/loginuid", login_uid);
    write_file(proc.root() + "/self/sessionid", audit_session);
    write_file(proc.root() + "/self/cgroup", cgroup);
  }
  Result<Session> identify(const ClientText& text = {}) const {
    Result<ProcDir> opened = ProcDir::open(places.proc_root);
    return reaper::hook::identify(opened.value(), text);
  }
  std::string in_tags(const std::string& name) const { return tags + "/" + name; }
  std::size_t files() const {
    const fs::directory_iterator first(tags);
    return static_cast<std::size_t>(std::distance(begin(first), end(first)));
  }
  int write(const Tag& tag) const { return write_in(tags, tag); }
  int write_in(const std::string& folder, const Tag& tag) const {
    const Result<bool> result = write_tag(folder, places.owner, tag);
    return result.ok() ? 0 : result.failure().code;
  }
};

std::string read_whole(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Tag example(uid_t uid = 1001) {
  Tag tag;
  tag.boot_id = "6a7b8c9d-0123-4567-89ab-cdef01234567";
  tag.uid = uid;
  tag.audit_session = 42;
  tag.logind_session = "c1";
  tag.closed_at_ms = 1'714'000'000'000;
  tag.closed_uptime_ms = 987'654'321;
  tag.remote_host = "login.example.org";
  return tag;
}

void test_identity() {
  const Host host;
  const ClientText client{std::string("client.example.org"), std::string("777")};
  const struct {
    const char *login_uid, *audit_session, *cgroup;
    uid_t uid;
    std::optional<std::uint32_t> audit;
    const char* logind;
  } rows[] = {
      // The kernel's word before the environment's.
      {"1234", "7", "0::/user.slice/user-1234.slice/session-42.scope\n", 1234, 7U, "42"},
      // No audit: the slice says who. A user may name what lies below the own slice, so the outermost counts.
      {kUnset,
       kUnset,
       "0::/user.slice/user-1234.slice/user@1234.service/user-0.slice/x.scope\n",
       1234,
       {},
       "777"},
      // Version 1 has the path on the named line.
      {kUnset,
       kUnset,
       "4:memory:/\n1:name=systemd:/user.slice/user-1234.slice/session-c9.scope\n0::/\n",
       1234,
       {},
       "c9"},
      // The login uid decides against the slice of the user who started this sshd by hand.
      {"1235", "9", "0::/user.slice/user-1234.slice/session-1.scope\n", 1235, 9U, "777"},
  };
  for (const auto& row : rows) {
    host.set_self(row.login_uid, row.audit_session, row.cgroup);
    const Result<Session> session = host.identify(client);
    CHECK(session.ok());
    if (!session) continue;
    CHECK(session.value().uid == row.uid && session.value().audit_session == row.audit);
    CHECK(session.value().logind_session == row.logind);
    CHECK(session.value().remote_host == "client.example.org");
  }
  // A kernel without audit has no such files.
  host.set_self("", "", "0::/user.slice/user-1234.slice\n");
  for (const char* file : {"loginuid", "sessionid"}) fs::remove(host.proc.root() + "/self/" + file);
  CHECK(host.identify().ok() && host.identify().value().uid == 1234);
}

void test_no_identity() {
  const Host host;
  for (const char* cgroup :
       {"0::/system.slice/ssh.service\n", "0::/user.slice\n", "0::/user.slice/user-.slice/x\n",
        "0::/user.slice/user--1.slice/x\n", "0::/user.slice/user-1x.slice/x\n",
        "0::/user.slice/xuser-1234.slice\n", "0::/user.slice/user-99999999999.slice\n",
        "0::/../../user.slice/user-1234.slice/x\n"}) {
    host.set_self(kUnset, kUnset, cgroup);
    const auto closed = close_session(host.places, {std::string("x"), std::string("1234")});
    CHECK(!closed.ok() && closed.failure().code == ESRCH);
  }
  for (const char* login_uid : {"", "x", "-1", "10 01", "99999999999999999999"}) {
    host.set_self(login_uid, "7", "0::/user.slice/user-1234.slice\n");
    const auto closed = close_session(host.places, {});
    CHECK(!closed.ok() && closed.failure().code == EBADMSG);
  }
  CHECK(!fs::exists(host.tags));
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
  const std::string session = "XDG_SESSION_ID=" + std::string(kMaxTagText + 1, '7');
  const char* const longer[] = {session.c_str(), nullptr};
  CHECK(!read_client_text(longer).logind_session);
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
              {"UID_MIN5\n", 1000},
              {"UID_MIN\n", 1000},
              {"UID_MIN x\nSYS_UID_MIN 7\n", 1000},
              {"", 1000},
              {"UID_MIN 300", 300}};
  for (const auto& row : rows) {
    write_file(host.places.login_defs, row.text);
    CHECK(read_uid_min(reader.value(), host.places.login_defs) == row.uid_min);
  }
  CHECK(read_uid_min(reader.value(), host.proc.root() + "/absent") == 1000);
}

void test_close() {
  const Host host;
  const auto closed = close_session(host.places, {std::string("10.0.0.1"), {}});
  CHECK(closed.ok() && closed.value() && closed.value()->uid == 1234);
  const std::string text = read_whole(host.in_tags("1234.json"));
  CHECK(closed.ok() && closed.value() && text == encode_tag(*closed.value()));
  for (
      const char* part :
      {R"("bootId":"3f0c4f3e-1111-2222-3333-444455556666","uid":1234,"auditSession":7,"logindSession":"42",)",
       R"("closedAt":1)", R"("remoteHost":"10.0.0.1"})"})
    CHECK(text.find(part) != std::string::npos);
  CHECK(host.files() == 1);
  // Root and system users get no tag, and that is not a fault.
  for (const auto& [uid_min, login_uid] :
       {std::pair<const char*, const char*>{"UID_MIN 4000\n", "1234"}, {"UID_MIN 0\n", "0"}}) {
    write_file(host.places.login_defs, uid_min);
    host.set_self(login_uid, "7", "0::/user.slice/user-1.slice\n");
    const auto none = close_session(host.places, {});
    CHECK(none.ok() && !none.value());
  }
  CHECK(host.files() == 1);
  Places nowhere = host.places;
  nowhere.proc_root = host.proc.root() + "/absent";
  CHECK(!close_session(nowhere, {}).ok());
}

void test_description() {
  Tag tag = example();
  CHECK(describe(tag).find("uid 1001: session c1 from login.example.org closed; IDE servers") == 0);
  tag.logind_session.reset();
  tag.remote_host.reset();
  CHECK(describe(tag).find("uid 1001: audit session 42 closed; ") == 0);
  tag.audit_session.reset();
  CHECK(describe(tag).find("uid 1001: a session closed; ") == 0);
}

// The bytes are a contract with the sweep and with people who look into the directory.
void test_format() {
  CHECK(encode_tag(example()) ==
        "{\"schemaVersion\":1,\"bootId\":\"6a7b8c9d-0123-4567-89ab-cdef01234567\",\"uid\":1001,"
        "\"auditSession\":42,\"logindSession\":\"c1\",\"closedAt\":1714000000000,"
        "\"closedUptime\":987654321,\"remoteHost\":\"login.example.org\"}\n");
  Tag bare = example();
  bare.audit_session.reset();
  bare.logind_session.reset();
  bare.remote_host.reset();
  const std::string text = encode_tag(bare);
  CHECK(text.find("\"auditSession\":null,\"logindSession\":null,") != std::string::npos);
  CHECK(text.find("\"remoteHost\":null}\n") != std::string::npos);
  Tag hostile = example();
  hostile.remote_host = "a\x1b\"\\\xff";
  CHECK(encode_tag(hostile).find(R"("remoteHost":"a\u001b\u0022\u005c\u00ff"})") != std::string::npos);
  std::mt19937_64 random{20240425};  // fixed: a failure can be repeated
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % (kMaxTagText + 1), ' ');
    for (char& c : bytes) c = static_cast<char>(random() % 256);
    Tag tag = example();
    tag.logind_session = tag.remote_host = bytes;
    const std::string line = encode_tag(tag);
    bool printable = line.back() == '\n' && line.size() <= 4096;
    for (std::size_t at = 0; at + 1 < line.size(); ++at)
      printable = printable && line[at] >= ' ' && line[at] <= '~';
    CHECK(printable);
  }
}

void test_store() {
  const Host host;
  CHECK(host.write(example(9)) == 0 && host.write(example(7)) == 0);
  struct stat info{};
  CHECK(stat(host.tags.c_str(), &info) == 0 && (info.st_mode & 07777) == 0700);
  Tag later = example(7);
  later.closed_at_ms = 6;
  CHECK(host.write(later) == 0 && host.files() == 2);
  CHECK(stat(host.in_tags("7.json").c_str(), &info) == 0 && (info.st_mode & 07777) == 0600);
  CHECK(read_whole(host.in_tags("7.json")) == encode_tag(later));
  CHECK(host.write_in("tags", later) == EINVAL && host.write_in("/tags", later) == EINVAL);
}

void test_hostile_directory() {
  const Host host;
  CHECK(host.write(example()) == 0);
  for (const mode_t mode : {0701, 0710, 0720, 0755, 01777}) {
    // The group of a folder of root's is root's choice: the account that the sweep runs as.
    const bool fine = geteuid() == 0 && (mode & 07) == 0;
    CHECK(chmod(host.tags.c_str(), mode) == 0);
    CHECK(host.write(example()) == (fine ? 0 : EPERM));
  }
  CHECK(chmod(host.tags.c_str(), 0700) == 0);
  const std::string run = host.proc.root() + "/run";
  CHECK(symlink(host.tags.c_str(), (run + "/link").c_str()) == 0);
  write_file(run + "/file", "");
  for (const char* name : {"/link", "/file"}) CHECK(host.write_in(run + name, example()) == ENOTDIR);
  // The folder above: other users cannot put a directory of their own in its place.
  CHECK(chmod(run.c_str(), 0777) == 0);
  CHECK(host.write(example()) == EPERM);
  CHECK(chmod(run.c_str(), 0755) == 0);
  CHECK(host.write(example()) == 0);
  const std::string link = host.proc.root() + "/run-link";
  CHECK(symlink(run.c_str(), link.c_str()) == 0);
  CHECK(host.write_in(link + "/tags", example()) == ENOTDIR);
  if (geteuid() != 0) return skip("only root can make a directory of another owner");
  CHECK(chown(host.tags.c_str(), kStranger, kStranger) == 0);
  CHECK(host.write(example()) == EPERM);
}

// Guard: a planted link is replaced and not followed, under the tag's name and under the temporary one. What
// a dead writer with this pid left behind does not stop a tag.
void test_hostile_files() {
  const Host host;
  CHECK(host.write(example(8)) == 0);
  const std::string victim = host.proc.root() + "/victim";
  write_file(victim, "precious");
  const std::string temporary = ".7.json." + std::to_string(getpid()) + ".tmp";
  for (const std::string& name : {std::string("7.json"), temporary})
    CHECK(symlink(victim.c_str(), host.in_tags(name).c_str()) == 0);
  CHECK(host.write(example(7)) == 0);
  CHECK(fs::is_regular_file(fs::symlink_status(host.in_tags("7.json"))));
  CHECK(fs::file_size(victim) == 8 && host.files() == 2);
}

// A disk that takes only the first bytes: the earlier tag stays whole and nothing else is left.
void test_full_disk() {
  const Host host;
  CHECK(host.write(example()) == 0);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{20, 20};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
    _exit(host.write(example()) == ENOSPC ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(host.files() == 1 && read_whole(host.in_tags("1001.json")) == encode_tag(example()));
}

// Several hooks at once for the same user, and a reader: a tag is there whole or not at all.
void test_concurrent_writers() {
  const Host host;
  CHECK(host.write(example()) == 0);
  pid_t writers[4];
  for (pid_t& writer : writers) {
    writer = fork();
    if (writer != 0) continue;
    for (int i = 0; i < 500; ++i) {
      if (host.write(example()) != 0) _exit(1);
    }
    _exit(0);
  }
  for (int i = 0; i < 200; ++i) CHECK(read_whole(host.in_tags("1001.json")) == encode_tag(example()));
  for (const pid_t writer : writers) {
    int status = -1;
    CHECK(waitpid(writer, &status, 0) == writer && status == 0);
  }
  CHECK(host.files() == 1);
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
  CHECK(format_log_line(Priority::kInfo, std::string(10000, 'x')).size() == 480);
  for (int i = 0; i < 10000; ++i) log.send(Priority::kWarning, "nobody reads");  // must not block
}

void test_fault_count() {
  const Host host;
  const std::string folder = host.proc.root() + "/faults";
  const std::string file = folder + "/hook.faults";
  const auto count = [](const std::string& directory) { return count_fault(directory.c_str()); };
  CHECK(count(folder) && count(folder) && fs::file_size(file) == 2);
  struct stat info{};
  CHECK(stat(file.c_str(), &info) == 0 && (info.st_mode & 07777) == 0600);
  CHECK(stat(folder.c_str(), &info) == 0 && (info.st_mode & 07777) == 0700);
  fs::resize_file(file, kMaxFaults - 1);
  CHECK(count(folder) && count(folder) && fs::file_size(file) == kMaxFaults);
  // A link, a fifo and a folder that others may write are left alone, and no open waits.
  const std::string victim = host.proc.root() + "/victim";
  write_file(victim, "");
  fs::remove(file);
  fs::create_symlink(victim, file);
  CHECK(!count(folder) && fs::file_size(victim) == 0);
  fs::remove(file);
  CHECK(mkfifo(file.c_str(), 0600) == 0 && !count(folder));
  // The count of a fifo that has a reader would be written.
  const UniqueFd reader(open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  CHECK(reader.valid() && !count(folder));
  fs::remove(file);
  fs::permissions(folder, fs::perms::all);
  CHECK(!count(folder) && !fs::exists(file));
  fs::permissions(folder, fs::perms::owner_all);
  const std::string link = host.proc.root() + "/link";
  fs::create_directory_symlink(folder, link);
  CHECK(!count(link) && !fs::exists(file));
  CHECK(!count(host.proc.root() + "/absent/below"));
  if (geteuid() != 0) return skip("only root can make a folder of another owner");
  CHECK(chown(folder.c_str(), kStranger, kStranger) == 0);
  CHECK(!count(folder) && !fs::exists(file));
}

std::size_t open_files() {
  const fs::directory_iterator first("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(first), end(first)));
}

}  // namespace

int main() {
  const std::size_t before = open_files();
  test_identity();
  test_no_identity();
  test_client_text();
  test_uid_min();
  test_close();
  test_description();
  test_format();
  test_store();
  test_hostile_directory();
  test_hostile_files();
  test_full_disk();
  test_concurrent_writers();
  test_syslog();
  test_fault_count();
  CHECK(open_files() == before);
  return report("hook");
}
