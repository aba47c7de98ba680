// What a program that has taken over the sweep's unit tries. One line per attempt: `NAME refused ERRNO` or
// `NAME worked`. It changes nothing that it can reach: files that it creates are removed, and memory that it
// overwrites gets the bytes that it had.
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace {

void report(const char* name, bool worked) {
  if (worked)
    std::printf("%s worked\n", name);
  else
    std::printf("%s refused %s\n", name, strerrorname_np(errno));
  std::fflush(stdout);
}

// A writable page of pid 1, or 0.
unsigned long writable_address() {
  FILE* maps = std::fopen("/proc/1/maps", "re");
  if (maps == nullptr) return 0;
  char line[512];
  unsigned long found = 0;
  while (found == 0 && std::fgets(line, sizeof(line), maps) != nullptr) {
    unsigned long low = 0, high = 0;
    char mode[8] = "";
    if (std::sscanf(line, "%lx-%lx %7s", &low, &high, mode) == 3 && std::strncmp(mode, "rw", 2) == 0)
      found = low;
  }
  std::fclose(maps);
  return found;
}

bool reads_memory_by_call(unsigned long address, char* byte) {
  const iovec local{byte, 1}, remote{reinterpret_cast<void*>(address), 1};
  return syscall(SYS_process_vm_readv, 1, &local, 1, &remote, 1, 0) == 1;
}

bool writes_memory_by_call(unsigned long address, char* byte) {
  const iovec local{byte, 1}, remote{reinterpret_cast<void*>(address), 1};
  return syscall(SYS_process_vm_writev, 1, &local, 1, &remote, 1, 0) == 1;
}

bool opens(const char* path, int flags) {
  const int fd = open(path, flags | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  close(fd);
  return true;
}

bool creates(const char* path) {
  if (!opens(path, O_WRONLY | O_CREAT | O_EXCL)) return false;
  unlink(path);
  return true;
}

bool reaches_socket(const char* path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  const bool reached =
      fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  errno = error;
  return reached;
}

bool is_fd(long fd) {
  if (fd < 0) return false;
  close(static_cast<int>(fd));
  return true;
}

bool takes_descriptor() {
  const long pidfd = syscall(SYS_pidfd_open, 1, 0);
  return pidfd >= 0 && is_fd(syscall(SYS_pidfd_getfd, pidfd, 0, 0));
}

bool seizes() {
  if (ptrace(PTRACE_SEIZE, 1, nullptr, nullptr) != 0) return false;
  ptrace(PTRACE_DETACH, 1, nullptr, nullptr);
  return true;
}

bool enters_mounts() {
  const int fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
  return fd >= 0 && setns(fd, CLONE_NEWNS) == 0;
}

bool makes_user_namespace() {
  const pid_t child = fork();
  if (child == 0) _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : errno);
  int status = 0;
  waitpid(child, &status, 0);
  errno = WEXITSTATUS(status);
  return errno == 0;
}

bool uses_ring() {
  char parameters[120] = {};
  return is_fd(syscall(SYS_io_uring_setup, 1, parameters));
}

bool loads_program() {
  bpf_attr attribute{};
  return syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &attribute, sizeof(attribute)) == 0;
}

}  // namespace

int main() {
  const unsigned long address = writable_address();
  char byte = 0;
  report("read-memory-of-init", reads_memory_by_call(address, &byte));
  report("write-memory-of-init", writes_memory_by_call(address, &byte));
  report("open-memory-of-init-to-write", opens("/proc/1/mem", O_RDWR));
  report("open-memory-of-init-to-read", opens("/proc/1/mem", O_RDONLY));
  report("trace-init", seizes());
  report("take-descriptor-of-init", takes_descriptor());
  report("enter-mounts-of-init", enters_mounts());
  report("user-namespace", makes_user_namespace());
  report("io-uring", uses_ring());
  report("bpf", loads_program());
  report("create-in-etc", creates("/etc/vscode-grim-reaper-attack"));
  report("create-in-etc-through-init", creates("/proc/1/root/etc/vscode-grim-reaper-attack"));
  report("create-in-home-through-init", creates("/proc/1/root/root/vscode-grim-reaper-attack"));
  report("core-pattern", opens("/proc/sys/kernel/core_pattern", O_WRONLY));
  report("core-pattern-through-init", opens("/proc/1/root/proc/sys/kernel/core_pattern", O_WRONLY));
  report("oom-score-of-init", opens("/proc/1/oom_score_adj", O_WRONLY));
  report("kill-system-slice", opens("/sys/fs/cgroup/system.slice/cgroup.kill", O_WRONLY));
  report("systemd-private-socket", reaches_socket("/run/systemd/private"));
  report("systemd-private-socket-through-init", reaches_socket("/proc/1/root/run/systemd/private"));
  report("d-bus", reaches_socket("/run/dbus/system_bus_socket"));
  report("d-bus-through-init", reaches_socket("/proc/1/root/run/dbus/system_bus_socket"));
  report("read-shadow", opens("/etc/shadow", O_RDONLY));
  report("internet", is_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  report("become-another-user", setresuid(2001, 2001, 2001) == 0);
  return 0;
}
