#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace reaper {

// Calls `each` with the descriptor of a folder and the name of every entry until it returns an errno. Returns
// that, or the errno with which the folder cannot be listed, or 0.
template <typename Each>
int each_entry(int at, const char* path, Each each) {
  const int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* dir = fd < 0 ? nullptr : fdopendir(fd);
  int error = dir == nullptr ? errno : 0;
  while (error == 0) {
    errno = 0;
    const dirent* entry = readdir(dir);
    error = entry == nullptr ? errno : each(fd, entry->d_name);
    if (entry == nullptr) break;
  }
  if (dir != nullptr)
    closedir(dir);
  else if (fd >= 0)
    close(fd);
  return error;
}

}  // namespace reaper
