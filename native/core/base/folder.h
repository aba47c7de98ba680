#pragma once

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>

#include "core/base/fd.h"

namespace reaper {

// Calls `each` with the descriptor of a folder and the name of every entry until it returns an errno. Returns
// that, or the errno with which the folder cannot be listed, or 0.
template <typename Each>
int each_entry(int at, const char* path, Each each) {
  UniqueFd fd(openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* dir = fd.valid() ? fdopendir(fd.get()) : nullptr;
  if (dir == nullptr) return errno;
  int error = 0;
  while (error == 0) {
    errno = 0;
    const dirent* entry = readdir(dir);
    error = entry == nullptr ? errno : each(fd.get(), entry->d_name);
    if (entry == nullptr) break;
  }
  fd.release();  // closedir closes it
  closedir(dir);
  return error;
}

}  // namespace reaper
