#include "core/files/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "core/base/fd.h"

namespace reaper {

Result<bool> take_lock(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
  if (!fd.valid()) return Failure{errno, "open " + path};
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return Failure{errno, "stat " + path};
  // Whoever can open the file can hold the lock and so stop every sweep: it must be ours alone.
  if (!S_ISREG(status.st_mode) || status.st_uid != geteuid())
    return Failure{EPERM, path + " is not a regular file of this user"};
  if ((status.st_mode & 077) != 0 && fchmod(fd.get(), 0600) != 0) return Failure{errno, "chmod " + path};
  int done = -1;
  do done = flock(fd.get(), LOCK_EX | LOCK_NB);
  while (done != 0 && errno == EINTR);
  if (done != 0 && errno == EWOULDBLOCK) return false;
  if (done != 0) return Failure{errno, "lock " + path};
  fd.release();  // kept until the process ends, whichever way it ends
  return true;
}

}  // namespace reaper
