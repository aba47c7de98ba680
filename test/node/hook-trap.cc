// A library of the user's: its constructor leaves a mark where only root can write.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((constructor)) static void spring() {
  if (geteuid() != 0) return;
  char path[128];
  snprintf(path, sizeof path, "/run/trap/%.64s", program_invocation_short_name);
  const int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
}
