#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/files/files.h"
#include "test/check.h"

using namespace reaper;

namespace {

// The answer of another process: 0 busy, 1 acquired, 2 failed.
int elsewhere(const std::string& path) {
  const pid_t child = fork();
  if (child == 0) {
    const auto taken = take_lock(path);
    _exit(!taken ? 2 : taken.value() ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
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
  if (geteuid() == 0) {
    const std::string foreign = folder + "/foreign";
    close(open(foreign.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    CHECK(chown(foreign.c_str(), 1001, 1001) == 0);
    CHECK(!take_lock(foreign).ok());
  }

  const auto missing = take_lock(folder + "/none/lock");
  CHECK(!missing.ok() && missing.failure().code == ENOENT);
  CHECK(missing.failure().what.find("/none/lock") != std::string::npos);
  std::filesystem::remove_all(folder);
  return report("lock");
}
