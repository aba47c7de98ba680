#include <endian.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "core/base/fd.h"
#include "core/files/files.h"

namespace reaper {
namespace {

struct Acl {
  posix_acl_xattr_header header;
  std::array<posix_acl_xattr_entry, 5> entries;
};
static_assert(sizeof(Acl) == 4 + 5 * 8, "the kernel reads it without gaps");

posix_acl_xattr_entry entry(std::uint16_t tag, std::uint16_t permissions, std::uint32_t id) {
  posix_acl_xattr_entry made;
  made.e_tag = htole16(tag);
  made.e_perm = htole16(permissions);
  made.e_id = htole32(id);
  return made;
}

}  // namespace

Result<bool> grant_read(const std::string& path, uid_t uid) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd.valid()) return Failure{errno, "open " + path};
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return Failure{errno, "stat " + path};
  // Guard: only what this program made itself is opened to another user.
  if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || status.st_nlink != 1)
    return Failure{EPERM, path + " is not a regular file of this user's alone"};

  constexpr auto kNobody = static_cast<std::uint32_t>(ACL_UNDEFINED_ID);
  Acl acl;
  acl.header.a_version = htole32(POSIX_ACL_XATTR_VERSION);
  // In the order that the kernel asks for; the mask bounds what a named user may do.
  acl.entries = {entry(ACL_USER_OBJ, ACL_READ | ACL_WRITE, kNobody), entry(ACL_USER, ACL_READ, uid),
                 entry(ACL_GROUP_OBJ, 0, kNobody), entry(ACL_MASK, ACL_READ, kNobody),
                 entry(ACL_OTHER, 0, kNobody)};
  if (fsetxattr(fd.get(), "system.posix_acl_access", &acl, sizeof acl, 0) != 0)
    return Failure{errno, "grant uid " + std::to_string(uid) + " to read " + path};
  return true;
}

}  // namespace reaper
