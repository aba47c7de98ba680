// A file system whose server never answers a write, and a process that is stuck on it with its address space
// locked, so that whoever reads its command line waits for ever.
//
//   stalled_fuse --serve FOLDER     mounts there; the folder then holds the files "1" to "999". "ready" on
//                                   standard output; ends, and aborts every waiting request, at the end of
//                                   its input, and by itself after ten minutes: until then any ps on the host
//                                   hangs.
//   stalled_fuse --serve FOLDER mute  the same, and it answers nothing at all once it is mounted: whoever
//                                   touches the folder is stuck and cannot be killed.
//   STALL=FILE any-name ARGV...     daemonises, forks one healthy `sleep`, prints "PID CHILD" and gets stuck.
//                                   Each needs a file of its own.
//
// The recipe (measured on 6.18): a mapped page of the file is dirty; mmap(2) over it must first write it
// back, and does so with the mmap lock held for writing (fuse_vma_close in the kernel's fs/fuse/file.c).
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr unsigned kSeconds = 600;
constexpr std::size_t kPage = 4096;

int g_fuse = -1;

void answer(std::uint64_t unique, int error, const void* body, std::size_t size) {
  std::vector<char> out(sizeof(fuse_out_header) + size);
  fuse_out_header header{};
  header.len = static_cast<std::uint32_t>(out.size());
  header.error = -error;
  header.unique = unique;
  std::memcpy(out.data(), &header, sizeof header);
  if (size > 0) std::memcpy(out.data() + sizeof header, body, size);
  // ENOENT: the asker was killed meanwhile.
  if (write(g_fuse, out.data(), out.size()) < 0 && errno != ENOENT) std::perror("stalled_fuse: answer");
}

fuse_attr attributes(std::uint64_t node) {
  fuse_attr attr{};
  attr.ino = node;
  attr.mode = node != FUSE_ROOT_ID ? S_IFREG | 0666U : S_IFDIR | 0755U;
  attr.nlink = 1;
  attr.size = node != FUSE_ROOT_ID ? kPage : 0;
  attr.blksize = kPage;
  return attr;
}

void serve_one(const fuse_in_header& header, const char* body) {
  switch (header.opcode) {
    case FUSE_INIT: {
      fuse_init_out out{};
      out.major = FUSE_KERNEL_VERSION;
      out.minor = FUSE_KERNEL_MINOR_VERSION;
      out.max_write = kPage;
      out.max_background = 16;
      return answer(header.unique, 0, &out, sizeof out);
    }
    case FUSE_LOOKUP: {
      const int number = std::atoi(body);
      if (number < 1 || number > 999) return answer(header.unique, ENOENT, nullptr, 0);
      fuse_entry_out out{};
      out.nodeid = FUSE_ROOT_ID + static_cast<std::uint64_t>(number);
      out.attr_valid = out.entry_valid = 3600;
      out.attr = attributes(out.nodeid);
      return answer(header.unique, 0, &out, sizeof out);
    }
    case FUSE_GETATTR: {
      fuse_attr_out out{};
      out.attr_valid = 3600;
      out.attr = attributes(header.nodeid);
      return answer(header.unique, 0, &out, sizeof out);
    }
    case FUSE_OPEN: {
      fuse_open_out out{};
      return answer(header.unique, 0, &out, sizeof out);
    }
    case FUSE_READ: {
      const char zeros[kPage] = {};
      return answer(header.unique, 0, zeros, sizeof zeros);
    }
    case FUSE_WRITE:
    case FUSE_INTERRUPT:
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
      return;  // the first is the point of it all, the others want no answer
    default:
      return answer(header.unique, ENOSYS, nullptr, 0);
  }
}

int serve(const char* folder, bool mute) {
  alarm(kSeconds);
  g_fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (g_fuse < 0) return std::perror("stalled_fuse: /dev/fuse"), 69;
  const std::string options =
      "fd=" + std::to_string(g_fuse) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
  if (mount("stalled", folder, "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
    return std::perror("stalled_fuse: mount"), 69;
  std::vector<char> buffer(FUSE_MIN_READ_BUFFER + kPage);
  bool ready = false;
  while (true) {
    pollfd watched[] = {{g_fuse, POLLIN, 0}, {0, POLLIN, 0}};
    if (poll(watched, 2, -1) < 0 && errno != EINTR) break;
    if (watched[1].revents != 0) break;
    if (watched[0].revents == 0) continue;
    const ssize_t got = read(g_fuse, buffer.data(), buffer.size() - 1);
    if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
    if (got < static_cast<ssize_t>(sizeof(fuse_in_header))) break;
    buffer[static_cast<std::size_t>(got)] = '\0';
    fuse_in_header header;
    std::memcpy(&header, buffer.data(), sizeof header);
    if (!mute || header.opcode == FUSE_INIT) serve_one(header, buffer.data() + sizeof header);
    if (!ready) std::puts("ready");
    std::fflush(stdout);
    ready = true;
  }
  umount2(folder, MNT_DETACH);
  return 0;  // the descriptor closes with the process, which aborts the connection
}

void* g_page = nullptr;

void* get_stuck(void*) {
  mmap(g_page, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  _exit(0);  // the connection was aborted
}

int stall(const char* file) {
  if (fork() != 0) _exit(0);  // to pid 1
  setsid();
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGTERM, SIG_IGN);
    execl("/bin/sleep", "sleep", "600", nullptr);
    _exit(69);
  }
  const int fd = open(file, O_RDWR | O_CLOEXEC);
  g_page = fd < 0 ? MAP_FAILED : mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (g_page == MAP_FAILED) return std::perror("stalled_fuse: map"), 69;
  *static_cast<volatile char*>(g_page) = 1;
  std::printf("%d %d\n", getpid(), child);
  std::fflush(stdout);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, get_stuck, nullptr) != 0) return 69;
  while (true) pause();
}

}  // namespace

int main(int argc, char** argv) {
  if (const char* file = std::getenv("STALL")) return stall(file);
  const bool mute = argc == 4 && std::strcmp(argv[3], "mute") == 0;
  if ((argc == 3 || mute) && std::strcmp(argv[1], "--serve") == 0) return serve(argv[2], mute);
  std::fprintf(stderr, "usage: stalled_fuse --serve FOLDER [mute] | STALL=FILE stalled_fuse\n");
  return 64;
}
