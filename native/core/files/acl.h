// One more reader for one file, by a POSIX ACL: what a file's owner may give without any capability.
#pragma once

#include <sys/types.h>

#include <string>

#include "core/base/result.h"

namespace reaper {

// Afterwards the owner reads and writes the file, `uid` reads it, and nobody else does (acl(5); the
// attribute's form is that of linux/posix_acl_xattr.h). The file must be a regular one of this user's with a
// single name; a symlink is not followed. ENOTSUP: the file system keeps no ACLs. True always, when ok.
Result<bool> grant_read(const std::string& path, uid_t uid);

}  // namespace reaper
