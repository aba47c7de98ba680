// Drives the PAM stack of sshd as its monitor does, without the cost of an ssh connection, and times the
// hook.
//   hook-driver storm SERVICE RATE SECONDS USER=TAGFILE...   RATE sessions a second, the users in turn
//   hook-driver time LOG PROGRAM                             runs PROGRAM, appends its microseconds to LOG
// Each session of a storm prints one line: "ok OPEN CLOSE" (microseconds) or "failed WHAT".
// The declarations are those of libpam.so.0 (pam_start(3)), so that no headers are needed.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Handle;
struct Response {
  char* text;
  int code;
};
struct Conversation {
  int (*converse)(int, const void**, Response**, void*);
  void* data;
};

constexpr int kTty = 3;
constexpr int kRemoteHost = 4;
constexpr int kSeconds = 1'000'000;
// The hook's own deadline: another close that began earlier may write the same tag that much later.
constexpr long long kDeadlineMs = 1000;

long long now_us(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<long long>(now.tv_sec) * kSeconds + now.tv_nsec / 1000;
}

template <typename Function>
Function* find(void* library, const char* name) {
  void* symbol = dlsym(library, name);
  if (symbol == nullptr) _exit(70);
  return reinterpret_cast<Function*>(symbol);
}

int say_nothing(int count, const void**, Response** responses, void*) {
  *responses = static_cast<Response*>(calloc(static_cast<size_t>(count), sizeof(Response)));
  return 0;
}

void tell(const std::string& line) { (void)!write(STDOUT_FILENO, line.data(), line.size()); }

std::string read_text(const std::string& path) {
  char text[8192];
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text);
  if (fd >= 0) close(fd);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : "";
}

// Whole, and no older than the close that just returned.
std::string fault_of_tag(const std::string& path, long long closed_from_ms) {
  const std::string text = read_text(path);
  if (text.empty()) return "no tag";
  if (text.front() != '{' || text.find_last_not_of('\n') != text.rfind('}')) return "torn tag";
  const size_t at = text.find("\"closedAt\":");
  if (at == std::string::npos) return "torn tag";
  return atoll(text.c_str() + at + 11) < closed_from_ms - kDeadlineMs ? "old tag" : "";
}

int run_session(void* library, const char* service, const std::string& user, const std::string& tag) {
  const auto start = find<int(const char*, const char*, const Conversation*, Handle**)>(library, "pam_start");
  const auto set_item = find<int(Handle*, int, const void*)>(library, "pam_set_item");
  const auto open_session = find<int(Handle*, int)>(library, "pam_open_session");
  const auto close_session = find<int(Handle*, int)>(library, "pam_close_session");
  const auto end = find<int(Handle*, int)>(library, "pam_end");
  const Conversation conversation{say_nothing, nullptr};
  Handle* handle = nullptr;
  if (start(service, user.c_str(), &conversation, &handle) != 0) return 1;
  set_item(handle, kTty, "ssh");
  set_item(handle, kRemoteHost, "192.0.2.1");
  const long long began = now_us(CLOCK_MONOTONIC);
  const int opened = open_session(handle, 0);
  if (opened != 0) {
    tell("failed open " + std::to_string(opened) + " " + user + "\n");
    return 1;
  }
  const long long before = now_us(CLOCK_MONOTONIC);
  const long long before_ms = now_us(CLOCK_REALTIME) / 1000;
  const int closed = close_session(handle, 0);
  const long long after = now_us(CLOCK_MONOTONIC);
  const std::string fault = closed != 0 ? "close " + std::to_string(closed) : fault_of_tag(tag, before_ms);
  end(handle, closed);
  if (fault.empty()) {
    tell("ok " + std::to_string(before - began) + " " + std::to_string(after - before) + "\n");
  } else {
    tell("failed " + fault + " " + user + "\n");
  }
  return 0;
}

int run_storm(int argc, char** argv) {
  if (argc < 6) return 64;
  void* library = dlopen("libpam.so.0", RTLD_NOW);
  if (library == nullptr) return 70;
  const long rate = atol(argv[3]);
  const long count = rate * atol(argv[4]);
  const long long began = now_us(CLOCK_MONOTONIC);
  for (long i = 0; i < count; ++i) {
    const long long due = began + i * kSeconds / rate;
    for (long long now = now_us(CLOCK_MONOTONIC); now < due; now = now_us(CLOCK_MONOTONIC)) {
      const timespec pause{0, static_cast<long>(due - now) * 1000 % 1'000'000'000};
      nanosleep(&pause, nullptr);
    }
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    const std::string target = argv[5 + i % (argc - 5)];
    const size_t equals = target.find('=');
    const pid_t child = fork();
    if (child == 0) _exit(run_session(library, argv[2], target.substr(0, equals), target.substr(equals + 1)));
    if (child < 0) tell("failed fork\n");
  }
  tell("started " + std::to_string(now_us(CLOCK_MONOTONIC) - began) + "\n");
  while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
  tell("ended " + std::to_string(now_us(CLOCK_MONOTONIC) - began) + "\n");
  return 0;
}

int time_program(int argc, char** argv) {
  if (argc != 4) return 64;
  const long long began = now_us(CLOCK_MONOTONIC);
  const pid_t child = vfork();
  if (child == 0) {
    execv(argv[3], argv + 3);
    _exit(127);
  }
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string line =
      std::to_string(now_us(CLOCK_MONOTONIC) - began) + " " + std::to_string(status) + "\n";
  const int fd = open(argv[2], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  (void)!write(fd, line.data(), line.size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "storm") return run_storm(argc, argv);
  return mode == "time" ? time_program(argc, argv) : 64;
}
