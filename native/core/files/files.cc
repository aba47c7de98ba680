#include "core/files/files.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "core/base/fd.h"

namespace reaper {
namespace {

constexpr auto kNoId = static_cast<uid_t>(-1);  // changes nothing (setfsuid(2))

// This account's; root's; or, for root, the service account's, through whose group it writes the folder.
bool is_trusted(const struct stat& file, const std::string& path) {
  if (file.st_uid == geteuid() || file.st_uid == 0) return true;
  struct stat folder;
  return geteuid() == 0 && stat(path.substr(0, path.rfind('/') + 1).c_str(), &folder) == 0 &&
         folder.st_uid == 0 && (folder.st_mode & S_IWGRP) != 0 && file.st_gid == folder.st_gid;
}

struct Acl {
  posix_acl_xattr_header header;
  std::array<posix_acl_xattr_entry, 5> entries;
};
static_assert(sizeof(Acl) == 4 + 5 * 8, "the kernel reads it without gaps");

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
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    return Failure{errno, "lock " + path};
  }
  fd.release();  // kept until the process ends, whichever way it ends
  return true;
}

std::optional<Failure> grant_read(const std::string& path, uid_t uid) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd.valid()) return Failure{errno, "open " + path};
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return Failure{errno, "stat " + path};
  // Guard: only what this program made itself is opened to another user. The unit's filter refuses
  // setfsuid().
  const bool is_own =
      status.st_uid == geteuid() || (geteuid() == 0 && status.st_uid == static_cast<uid_t>(setfsuid(kNoId)));
  if (!S_ISREG(status.st_mode) || !is_own || status.st_nlink != 1)
    return Failure{EPERM, path + " is not a regular file of this user's alone"};

  constexpr std::uint32_t kNobody = ~0U;  // ACL_UNDEFINED_ID, in any byte order
  // In the order that the kernel asks for; the mask bounds what a named user may do.
  const Acl acl{{htole32(POSIX_ACL_XATTR_VERSION)},
                {{{htole16(ACL_USER_OBJ), htole16(ACL_READ | ACL_WRITE), kNobody},
                  {htole16(ACL_USER), htole16(ACL_READ), htole32(uid)},
                  {htole16(ACL_GROUP_OBJ), 0, kNobody},
                  {htole16(ACL_MASK), htole16(ACL_READ), kNobody},
                  {htole16(ACL_OTHER), 0, kNobody}}}};
  if (fsetxattr(fd.get(), "system.posix_acl_access", &acl, sizeof acl, 0) != 0)
    return Failure{errno, "grant uid " + std::to_string(uid) + " to read " + path};
  return std::nullopt;
}

std::optional<Failure> act_on_files_as(uid_t uid, const std::vector<gid_t>& groups) {
  const gid_t group = groups.empty() ? 0 : groups[0];
  // Not glibc's setgroups(), which changes all threads.
  if (syscall(SYS_setgroups, groups.size(), groups.data()) != 0) return Failure{errno, "setgroups"};
  setfsgid(group);
  setfsuid(uid);
  if (static_cast<gid_t>(setfsgid(kNoId)) != group || static_cast<uid_t>(setfsuid(kNoId)) != uid)
    return Failure{EPERM, "setfsuid " + std::to_string(uid)};
  return std::nullopt;
}

}  // namespace reaper
