#include "core/base/owners.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <optional>
#include <string>
#include <utility>

#include "core/base/fd.h"

namespace reaper {
namespace {

// The user who made the outermost user namespace around the process, below this program's own: makers of
// those further in may have subordinate uids themselves. The uid itself where it is in none; nullopt:
// unreadable.
std::optional<uid_t> maker_of_namespace(uid_t uid, int proc_fd, pid_t pid) {
  const UniqueFd folder(openat(proc_fd, std::to_string(pid).c_str(), O_PATH | O_CLOEXEC));
  struct stat info;
  // Guard: the pid may be another user's process by now.
  if (!folder.valid() || fstat(folder.get(), &info) != 0 || info.st_uid != uid) return std::nullopt;
  UniqueFd space(openat(folder.get(), "ns/user", O_RDONLY | O_CLOEXEC));
  if (!space.valid()) return std::nullopt;
  uid_t maker = uid;
  for (;;) {
    UniqueFd parent(ioctl(space.get(), NS_GET_PARENT));  // EPERM for this program's own (ioctl_nsfs(2))
    if (!parent.valid() || ioctl(space.get(), NS_GET_OWNER_UID, &maker) != 0) return maker;
    space = std::move(parent);
  }
}

}  // namespace

uid_t Owners::of(uid_t uid) const {
  if (const auto found = known.find(uid); found != known.end()) return found->second;
  for (const UidRange& range : ranges)
    if (uid >= range.first && uid - range.first < range.count) return range.owner;
  return uid;
}

uid_t Owners::of(uid_t uid, int proc_fd, pid_t pid) {
  // Guard: root enters users' namespaces, and what it makes there is charged to no user.
  if (uid != 0 && known.count(uid) == 0)
    if (const auto maker = maker_of_namespace(uid, proc_fd, pid)) known[uid] = of(*maker == 0 ? uid : *maker);
  return of(uid);
}

}  // namespace reaper
