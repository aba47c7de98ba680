// The floor: reads what a snapshot has to read, and does nothing with it. floor PROC UID[,UID...]
// PID[,PID...] Of every process the owner and the executable's path; of those processes every file that
// judging needs; of those users' others the parent and the command line; of other users' interpreters the
// command line, of root's processes the parent. floor PROC all: of every process every file. Prints the
// microseconds it took.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr const char* kFiles[] = {"stat", "status", "cgroup", "loginuid", "sessionid"};
constexpr const char* kLinks[] = {"exe", "ns/user", "ns/pid"};

char g_buffer[65536];
unsigned long g_bytes = 0;

void read_file(int folder, const char* path) {
  const int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t got = read(fd, g_buffer, sizeof g_buffer);
  if (got > 0) g_bytes += static_cast<unsigned long>(got);
  close(fd);
}

void read_all(int proc, const char* pid) {
  const int folder = openat(proc, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  for (const char* file : kFiles) read_file(folder, file);
  for (const char* link : kLinks)
    if (readlinkat(folder, link, g_buffer, sizeof g_buffer) > 0) ++g_bytes;
  read_file(folder, "cmdline");
  read_file(folder, "stat");  // that it is still the same process
  close(folder);
}

bool is_interpreter(const char* exe) {
  const char* slash = std::strrchr(exe, '/');
  const char* name = slash ? slash + 1 : exe;
  return std::strncmp(name, "python", 6) == 0 || std::strncmp(name, "node", 4) == 0;
}

// Of numbers with commas between them; sorted.
std::vector<unsigned long> numbers(const char* text) {
  std::vector<unsigned long> found;
  for (const char* at = text; at != nullptr; at = std::strchr(at, ','), at += at != nullptr)
    found.push_back(std::strtoul(at, nullptr, 10));
  std::sort(found.begin(), found.end());
  return found;
}

bool holds(const std::vector<unsigned long>& sorted, unsigned long number) {
  return std::binary_search(sorted.begin(), sorted.end(), number);
}

double now_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  const bool all = argc == 3 && std::strcmp(argv[2], "all") == 0;
  if (!all && argc != 4) return 64;
  const auto users = all ? std::vector<unsigned long>() : numbers(argv[2]);
  const auto pids = all ? std::vector<unsigned long>() : numbers(argv[3]);

  const double began = now_us();
  DIR* dir = opendir(argv[1]);
  if (dir == nullptr) return 70;
  const int proc = dirfd(dir);
  unsigned processes = 0;
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    struct stat status;
    if (fstatat(proc, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    ++processes;
    char path[300], exe[4096];
    std::snprintf(path, sizeof path, "%s/exe", entry->d_name);
    const ssize_t got = readlinkat(proc, path, exe, sizeof exe - 1);
    if (all || holds(pids, std::strtoul(entry->d_name, nullptr, 10))) {
      read_all(proc, entry->d_name);
      continue;
    }
    const bool related = holds(users, status.st_uid);
    if (got <= 0 && !related) continue;
    exe[std::max<ssize_t>(got, 0)] = '\0';
    std::snprintf(path, sizeof path, "%s/stat", entry->d_name);
    if (related || status.st_uid == 0) read_file(proc, path);
    std::snprintf(path, sizeof path, "%s/cmdline", entry->d_name);
    if (related || is_interpreter(exe)) read_file(proc, path);
  }
  closedir(dir);
  std::printf("%.1f %u %lu\n", now_us() - began, processes, g_bytes);
  return 0;
}
