// The hook without its process: who closes, what is written, and what is refused.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "hook/fault_count.h"
#include "hook/syslog.h"
#include "test/hook/host.h"

namespace {

using namespace reaper;
using namespace reaper::hook;

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
      // A path that names no user says nothing, and the first that names a session does.
      {kUnset, kUnset, "0::/system.slice/x.service\n2:cpu:/user.slice/user-1234.slice\n", 1234, {}, "777"},
      {kUnset,
       kUnset,
       "0::/user.slice/user-1234.slice/session-c8.scope/session-c7.scope\n"
       "1:name=systemd:/user.slice/user-1234.slice/session-c9.scope\n",
       1234,
       {},
       "c8"},
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
        "0::/user.slice/user--1.slice/x\n", "0::/user.slice/user-1\n", "0::/user.slice/user-1x.slice/x\n",
        "0::/user.slice/xuser-1234.slice\n", "0::/user.slice/xxxxx1234.slice\n",
        "0::/user.slice/user-1234xslice\n", "0::/user.slice/user-99999999999.slice\n",
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

// Guard: the hook writes no tag where it cannot read whose session closed. It never takes the session for one
// without an audit id, or for another user's.
void test_unreadable() {
  for (const char* file : {"self/loginuid", "self/sessionid", "self/cgroup"}) {
    const Host host;
    const std::string path = host.proc.root() + "/" + file;
    const auto failure = [&host] {
      const auto closed = close_session(host.places, {});
      return closed.ok() ? Failure{0, "closed"} : closed.failure();
    };
    write_file(path, "bad");
    CHECK(failure().code == EBADMSG && failure().what == file);
    fs::remove(path);
    fs::create_directory(path);
    CHECK(failure().code == EISDIR && failure().what == file);
  }
}

void test_client_text() {
  const char* const environment[] = {"PAM_RHOST=forged",
                                     "PATH=/x",
                                     "XDG_SESSION_ID=777",
                                     "LD_PRELOAD=/x.so",
                                     "PAM_USER=root",
                                     "NOEQUALS",
                                     "XDG_SESSION_ID=c1",
                                     "PAM_RHOST=a\x1b[2J\nb\xc2\x9b\x7f",
                                     nullptr};
  ClientText text = read_client_text(environment);
  CHECK(text.remote_host == "a?[2J?b???");
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
  const char* const plain[] = {"PAM_RHOST=a b~", nullptr};
  CHECK(read_client_text(plain).remote_host == "a b~");
  for (const char c : std::string("/09:@AZ[`az{")) {
    const std::string entry = std::string("XDG_SESSION_ID=") + c;
    const char* const one[] = {entry.c_str(), nullptr};
    CHECK(read_client_text(one).logind_session.has_value() == (std::strchr("09AZaz", c) != nullptr));
  }
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
  write_file(host.places.login_defs, "UID_MIN 1234\n");
  host.set_self("1234", "7", "0::/\n");
  CHECK(close_session(host.places, {}).value().has_value());
  const auto failure_of = [](const Places& places) {
    const auto failed = close_session(places, {});
    return failed.ok() ? "" : failed.failure().what;
  };
  Places nowhere = host.places;
  nowhere.proc_root = host.proc.root() + "/absent";
  CHECK(failure_of(nowhere) == "open " + nowhere.proc_root);
  nowhere = host.places;
  nowhere.tag_directory = "tags";
  CHECK(failure_of(nowhere) == "uid 1234: tags");
  fs::remove(host.proc.root() + "/sys/kernel/random/boot_id");
  CHECK(failure_of(host.places) == "read boot_id");
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
  CHECK((fcntl(log.fd(), F_GETFD) & FD_CLOEXEC) != 0);
  log.send(Priority::kWarning, "a\nb ~\x1b[2J\x7f");
  char buffer[1024];
  const ssize_t size = recv(daemon.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  CHECK(size > 0 &&
        std::string(buffer, static_cast<std::size_t>(size)) ==
            "<36>vscode-grim-reaper[" + std::to_string(getpid()) + "]: session-close: a?b ~?[2J?");
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

}  // namespace

int main() {
  const std::size_t before = open_files();
  test_identity();
  test_no_identity();
  test_unreadable();
  test_client_text();
  test_uid_min();
  test_close();
  test_description();
  test_syslog();
  test_fault_count();
  CHECK(open_files() == before);
  return report("hook");
}
