#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "core/base/fd.h"
#include "core/files/files.h"

namespace reaper {

namespace {

// This account's; root's; or, for root, the service account's, through whose group it writes the folder.
bool is_trusted(const struct stat& file, const std::string& path) {
  if (file.st_uid == geteuid() || file.st_uid == 0) return true;
  struct stat folder;
  const std::size_t slash = path.rfind('/');
  return geteuid() == 0 && slash != std::string::npos && slash > 0 &&
         stat(path.substr(0, slash).c_str(), &folder) == 0 && folder.st_uid == 0 &&
         (folder.st_mode & S_IWGRP) != 0 && file.st_gid == folder.st_gid;
}

}  // namespace

Result<bool> take_lock(const std::string& path) {
  // For reading: flock(2) needs no more, and an account with CAP_DAC_READ_SEARCH may open root's file so.
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
  if (!fd.valid()) return Failure{errno, "open " + path};
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return Failure{errno, "stat " + path};
  // Guard: whoever can open the file can hold the lock and so stop every sweep.
  if (!S_ISREG(status.st_mode) || !is_trusted(status, path))
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
