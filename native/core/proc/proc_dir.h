// Reads files and links below a proc root that was opened once. Buffers are reused: a view lives until the
// next call. It never stats or opens through exe, cwd, root or fd links, which may lead into a dead file
// system: readlink only formats a path.
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/fd.h"
#include "core/base/result.h"
#include "core/proc/parse.h"

namespace reaper {

// What an errno from /proc means: the process has ended, or may not be looked at; or this program has no
// descriptor or memory left (else: a fault).
inline bool is_gone(int error) { return error == ENOENT || error == ESRCH; }
inline bool is_denied(int error) { return error == EACCES || error == EPERM; }
inline bool is_exhausted(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }

// The system's text for an errno; for EBADMSG and ETIMEDOUT what they mean here.
std::string error_text(int error);

class ProcDir {
 public:
  static Result<ProcDir> open(const std::string& root);

  int fd() const { return root_.get(); }

  // True where proc is mounted for another pid namespace than this process's: its numbers are not the ones
  // that kill(2) and pidfd_open(2) take.
  bool is_foreign();

  // Every process, in ascending order.
  Result<std::vector<pid_t>> list() const;

  // Calls `each` with the descriptor of a folder below the root and with every number in it, until that
  // answers an errno. Returns that errno, or the one with which the folder cannot be listed, or 0.
  int each_number(const std::string& folder, const std::function<int(int fd, int number)>& each) const;

  // The owner of /proc/PID, which is the effective uid even of a process that hides its memory.
  // These answer 0 or an errno.
  int owner(pid_t pid, uid_t* uid) const;

  // A folder that stays this process's: once the process is reaped every read below it gives ESRCH, whoever
  // has the pid by then (measured on 6.18; htop does the same).
  int pin(pid_t pid, UniqueFd* folder, int flags = O_PATH) const;

  // A whole file, at most `most` bytes (EFBIG beyond), by a path relative to the root or a pinned folder. The
  // kernel makes most files as one record; one of many records (maps, net/tcp) is read until its end.
  enum class Records { kOne, kMany };
  static constexpr std::size_t kFileLimit = std::size_t{256} * 1024;
  int read(int folder, const char* path, std::string_view* text, Records records = Records::kOne,
           std::size_t most = kFileLimit);

  // Reads and parses a process's stat, below its pinned folder (-1: by its number). EBADMSG: it is malformed,
  // or another process's.
  int read_stat(pid_t pid, int folder, Stat* stat);

  // A link's text.
  int link(int folder, const char* path, std::string_view* target);
  int link_of(pid_t pid, const char* name, std::string_view* target);

 private:
  explicit ProcDir(UniqueFd root) : root_(std::move(root)), buffer_(4096) {}

  UniqueFd root_;
  std::vector<char> buffer_;
};

}  // namespace reaper
