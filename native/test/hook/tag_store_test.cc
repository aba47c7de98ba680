// The bytes of a tag, and the directory of tags: what is written, and what is refused.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cerrno>
#include <random>

#include "test/child.h"
#include "test/hook/host.h"
#include "test/refuse.h"

namespace {

using namespace reaper;
using namespace reaper::hook;

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
  hostile.remote_host = "a ~b";
  CHECK(encode_tag(hostile).find(R"("remoteHost":"a ~b"})") != std::string::npos);
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
  // The group of a folder that is not root's was not chosen by root.
  CHECK(write_tag(host.tags, kStranger, example()).ok());
  CHECK(chmod(host.tags.c_str(), 0770) == 0);
  CHECK(!write_tag(host.tags, kStranger, example()).ok());
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
  for (const auto& [room, error] : {std::pair(rlim_t{20}, ENOSPC), {0, EFBIG}})
    CHECK(exit_of([&, room = room, error = error] {
            signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{room, room};
            return setrlimit(RLIMIT_FSIZE, &limit) == 0 && host.write(example()) == error ? 0 : 1;
          }) == 0);
  CHECK(host.files() == 1 && read_whole(host.in_tags("1001.json")) == encode_tag(example()));
}

// As under SELinux: the failure is named, and nothing is left behind.
void test_refused_calls() {
  const struct {
    Refusal refusal;
    const char* what;
  } rows[] = {{{SYS_mkdirat, EACCES}, "mkdir /"},
              {{SYS_openat, EACCES, 2, O_EXCL, O_EXCL}, "create ."},
              {{SYS_write, EACCES}, "write ."},
              {{SYS_renameat, EACCES}, "rename 1001.json"}};
  for (const auto& [refusal, what] : rows) {
    const Host host;
    const bool is_new = refusal.call == SYS_mkdirat;
    if (!is_new) CHECK(host.write(example(7)) == 0);
    CHECK(exit_of([&, refusal = refusal, what = what] {
            if (!refuse({refusal})) return 2;
            const Result<bool> result = write_tag(host.tags, host.places.owner, example());
            return !result && result.failure().code == EACCES &&
                           result.failure().what.find(what) != std::string::npos
                       ? 0
                       : 1;
          }) == 0);
    CHECK(is_new ? !fs::exists(host.tags) : host.files() == 1);
  }
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

}  // namespace

int main() {
  const std::size_t before = open_files();
  test_format();
  test_store();
  test_hostile_directory();
  test_hostile_files();
  test_full_disk();
  test_refused_calls();
  test_concurrent_writers();
  CHECK(open_files() == before);
  return report("tag_store");
}
