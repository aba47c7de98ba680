// Root's files that other processes share: a lock, a file that one more user may read, and another account's.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace reaper {

// Takes an flock that lives as long as this process, so that one sweep runs at a time. False: another process
// holds it. Refuses to follow a symlink.
Result<bool> take_lock(const std::string& path);

// Lets one more user read a file, by a POSIX ACL: afterwards the owner reads and writes it, `uid` reads it,
// and no other user does (acl(5); the attribute's form is that of linux/posix_acl_xattr.h). The file must be
// a regular one of this user's with a single name; a symlink is not followed. ENOTSUP: the file system keeps
// no ACLs. nullopt: done.
std::optional<Failure> grant_read(const std::string& path, uid_t uid);

// From now on this thread has that user's rights to files, and no capability for them (setfsuid(2)); 0 goes
// back. `groups` begins with the one that new files get. Node's own setgroups() and seteuid() refuse where
// libuv may use io_uring (CVE-2024-22017). EPERM: the kernel does not let this process.
std::optional<Failure> act_on_files_as(uid_t uid, const std::vector<gid_t>& groups);

}  // namespace reaper
