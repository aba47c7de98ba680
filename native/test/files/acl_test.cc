#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "core/files/files.h"
#include "test/child.h"
#include "test/files/terminal.h"

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
  }

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
