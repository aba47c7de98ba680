#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "core/files/files.h"
#include "test/child.h"
#include "test/files/terminal.h"
#include "test/refuse.h"

using namespace reaper;

namespace {

// Whether `uid` can open the file with these flags.
bool opens(const std::string& path, uid_t uid, int flags) {
  return exit_of([&] {
           if (setgid(uid) != 0 || setuid(uid) != 0) return 2;
           return open(path.c_str(), flags) >= 0 ? 0 : 1;
         }) == 0;
}

void make(const std::string& path) { close(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)); }

void a_refusal_is_a_failure(const std::string& path) {
  const std::vector<Refusal> rows[] = {{{SYS_fsetxattr, EIO}}, {{SYS_newfstatat, EIO}, {SYS_fstat, EIO}}};
  for (const std::vector<Refusal>& row : rows)
    CHECK(exit_of([&] {
            if (!refuse(row)) return 2;
            const auto failure = grant_read(path, 2001);
            return failure && failure->code == EIO ? 0 : 1;
          }) == 0);
}

// Root's thread with the rights of another user to files: it makes that user's, and opens no other.
void acts_as_another_user(const std::string& folder, const std::string& roots) {
  const std::string made = folder + "/made";
  CHECK(chmod(folder.c_str(), 0777) == 0);
  CHECK(exit_of([&] {
          if (act_on_files_as(2001, {2002, 2003})) return 2;
          if (open(roots.c_str(), O_RDONLY | O_CLOEXEC) >= 0) return 3;
          make(made);
          if (grant_read(made, 2004)) return 4;  // it is this thread's own
          if (act_on_files_as(0, {0})) return 5;
          struct stat status;
          if (stat(made.c_str(), &status) != 0 || status.st_uid != 2001 || status.st_gid != 2002) return 6;
          return open(roots.c_str(), O_RDONLY | O_CLOEXEC) >= 0 ? 0 : 7;
        }) == 0);
  for (const unsigned call : {SYS_setgroups, SYS_setfsgid, SYS_setfsuid})
    CHECK(exit_of([&] {
            return refuse({{call, EPERM}}) && act_on_files_as(2001, {2002}).has_value() ? 0 : 1;
          }) == 0);
}

}  // namespace

int main() {
  std::string folder = (std::filesystem::temp_directory_path() / "reaper-acl-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr || chmod(folder.c_str(), 0711) != 0) return 1;
  const std::string path = folder + "/notice";
  make(path);

  const auto granted = grant_read(path, 2001);
  if (granted && granted->code == EOPNOTSUPP) {
    skip("no ACLs here");
    return report("acl");
  }
  CHECK(!granted);
  struct stat status;  // the group's bits are the mask
  CHECK(stat(path.c_str(), &status) == 0 && (status.st_mode & 07777) == 0640);
  if (geteuid() == 0) {
    CHECK(opens(path, 2001, O_RDONLY));
    CHECK(!opens(path, 2001, O_WRONLY));
    CHECK(!opens(path, 2002, O_RDONLY));
    CHECK(!grant_read(path, 2002));  // takes the place of the first
    CHECK(!opens(path, 2001, O_RDONLY));
    CHECK(opens(path, 2002, O_RDONLY));

    const std::string others = folder + "/others";
    make(others);
    CHECK(chown(others.c_str(), 2001, 2001) == 0);
    CHECK(grant_read(others, 2002).has_value());
    acts_as_another_user(folder, path);
  }
  a_refusal_is_a_failure(path);

  // Nothing but a file of this user's own under one name is opened to anybody.
  std::filesystem::create_symlink(path, folder + "/link");
  CHECK(grant_read(folder + "/link", 2001)->code == ELOOP);
  std::filesystem::create_hard_link(path, folder + "/second");
  CHECK(grant_read(path, 2001)->code == EPERM);
  CHECK(mkfifo((folder + "/fifo").c_str(), 0600) == 0);
  CHECK(grant_read(folder + "/fifo", 2001)->code == EPERM);
  CHECK(grant_read(folder, 2001)->code == EPERM);
  CHECK(grant_read(folder + "/none", 2001)->code == ENOENT);

  CHECK(takes_no_terminal([](const char* terminal) { return !grant_read(terminal, 2001); }));

  std::filesystem::remove_all(folder);
  return report("acl");
}
