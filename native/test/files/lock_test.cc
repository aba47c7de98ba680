#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <filesystem>
#include <string>

#include "core/files/files.h"
#include "test/child.h"
#include "test/files/terminal.h"
#include "test/refuse.h"

using namespace reaper;

namespace {

// The answer of another process: 0 busy, 1 acquired, 2 failed.
int elsewhere(const std::string& path) {
  return exit_of([&path] {
    const auto taken = take_lock(path);
    return !taken ? 2 : taken.value() ? 1 : 0;
  });
}

void make(const std::string& path, uid_t uid, gid_t gid) {
  close(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  CHECK(chown(path.c_str(), uid, gid) == 0);
}

// Becomes an account that may read what root may, as the unit's.
bool become_service_account() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct caps[2] = {};
  caps[0].effective = caps[0].permitted = 1U << CAP_DAC_READ_SEARCH;
  return prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && setresuid(1001, 1001, 1001) == 0 &&
         syscall(SYS_capset, &header, caps) == 0;
}

// Guard: whoever may place the file could hold the lock: root's own; root's, for the service account; and for
// root that account's, in a folder of root's that its group may write.
void trusts_root_and_the_service_account(const std::string& folder) {
  if (geteuid() != 0) return skip("only root can give files away");
  const std::string path = folder + "/given";
  const struct {
    uid_t folder_uid;
    mode_t folder_mode;
    gid_t file_gid;
    bool trusted;
  } cases[] = {
      {0, 0770, 1001, true}, {0, 0770, 1002, false}, {0, 0750, 1001, false}, {1001, 0770, 1001, false}};
  make(path, 1001, 1001);
  for (const auto& each : cases) {
    CHECK(chown(folder.c_str(), each.folder_uid, 1001) == 0 && chmod(folder.c_str(), each.folder_mode) == 0);
    CHECK(chown(path.c_str(), 1001, each.file_gid) == 0);
    CHECK(elsewhere(path) == (each.trusted ? 1 : 2));
  }
  for (const uid_t owner : {0, 1002}) {
    CHECK(chown(folder.c_str(), 0, owner) == 0 && chmod(folder.c_str(), 0775) == 0);
    make(path, owner, owner);
    CHECK(exit_of([&] {
            return !become_service_account() ? 9 : take_lock(path).ok() ? 1 : 0;
          }) == (owner == 0 ? 1 : 0));
  }
}

// A user's own file is the user's to lock: `list` and dry runs take the lock of their own folder.
void an_ordinary_user_locks_what_is_their_own(const std::string& folder) {
  if (geteuid() != 0) return skip("only root can become another user");
  CHECK(chmod(folder.c_str(), 0777) == 0);
  CHECK(exit_of([&folder] {
          const bool is_user = setresgid(1001, 1001, 1001) == 0 && setresuid(1001, 1001, 1001) == 0;
          const auto taken = take_lock(folder + "/own");
          return is_user && taken && taken.value() ? 0 : 1;
        }) == 0);
}

}  // namespace

int main() {
  std::string folder = (std::filesystem::temp_directory_path() / "reaper-lock-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const std::string path = folder + "/lock";

  CHECK(elsewhere(path) == 1);  // and given back by that process's end
  const auto mine = take_lock(path);
  CHECK(mine.ok() && mine.value());
  struct stat status;
  CHECK(stat(path.c_str(), &status) == 0 && (status.st_mode & 07777) == 0600);
  CHECK(elsewhere(path) == 0);
  // Guard: a program that this one starts must not keep the lock.
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC) - 1;
  CHECK(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)) == path);
  CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  const auto twice = take_lock(path);
  CHECK(twice.ok() && !twice.value());

  // Somebody's symlink must not make root create or open another file.
  const std::string trap = folder + "/trap";
  std::filesystem::create_symlink(folder + "/victim", trap);
  const auto followed = take_lock(trap);
  CHECK(!followed.ok() && followed.failure().code == ELOOP);
  CHECK(!std::filesystem::exists(folder + "/victim"));

  // Neither a folder nor a FIFO is a lock, and a FIFO does not block.
  CHECK(!take_lock(folder).ok());
  const std::string fifo = folder + "/fifo";
  CHECK(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(!take_lock(fifo).ok());

  // A file that others may open is closed to them, for whoever opens it can hold the lock.
  const std::string wide = folder + "/wide";
  close(open(wide.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
  CHECK(chmod(wide.c_str(), 0666) == 0);
  CHECK(take_lock(wide).ok());
  CHECK(stat(wide.c_str(), &status) == 0 && (status.st_mode & 07777) == 0600);
  trusts_root_and_the_service_account(folder);
  an_ordinary_user_locks_what_is_their_own(folder);
  CHECK(takes_no_terminal([](const char* terminal) { return take_lock(terminal).ok(); }));
  // A lock that cannot be asked for is not one that another process holds.
  CHECK(exit_of([&path] { return refuse({{SYS_flock, ENOLCK}}) && !take_lock(path) ? 0 : 1; }) == 0);

  const auto missing = take_lock(folder + "/none/lock");
  CHECK(!missing.ok() && missing.failure().code == ENOENT);
  CHECK(missing.failure().what.find("/none/lock") != std::string::npos);
  std::filesystem::remove_all(folder);
  return report("lock");
}
