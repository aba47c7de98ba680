// Two processes with many connections between them, and a third with one to somebody unknown: sockets PAIRS
// opens PAIRS TCP and PAIRS unix connections. Prints the pids of the two, then of the third and of its peer;
// all end with standard input. In a network namespace of its own (the loopback device is brought up).
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

void require(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::_Exit(70);
}

void bring_up_loopback() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  require(ioctl(fd, SIOCSIFFLAGS, &request) == 0, "bring up lo");
  close(fd);
}

struct Pair {
  int near, far;
};

int listener = -1;

Pair tcp_pair() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  static sockaddr_in bound{};
  if (listener < 0) {
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0, "bind");
    require(listen(listener, 128) == 0, "listen");
    require(getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &length) == 0, "getsockname");
  }
  const int near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(connect(near, reinterpret_cast<sockaddr*>(&bound), sizeof bound) == 0, "connect");
  const int far = accept(listener, nullptr, nullptr);
  require(far >= 0, "accept");
  return {near, far};
}

Pair unix_pair() {
  int ends[2];
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
  return {ends[0], ends[1]};
}

// A process that holds these alone, and ends when the pipe's writer is gone.
pid_t holder(const std::vector<int>& others, int end) {
  const pid_t pid = fork();
  require(pid >= 0, "fork");
  if (pid > 0) return pid;
  for (const int fd : others) close(fd);
  close(0);  // sockets of the measuring program's
  close(1);
  char unused;
  while (read(end, &unused, 1) > 0) continue;
  std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  const long pairs = argc == 2 ? std::atol(argv[1]) : 0;
  if (pairs <= 0) return 64;
  const auto wanted = static_cast<rlim_t>(4 * pairs + 100);
  const rlimit limit{wanted, wanted};
  require(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
  bring_up_loopback();
  int end[2];
  require(pipe(end) == 0, "pipe");
  std::vector<int> near{end[1]}, far{end[1]};
  for (long i = 0; i < pairs; ++i) {
    for (const Pair& pair : {tcp_pair(), unix_pair()}) {
      near.push_back(pair.near);
      far.push_back(pair.far);
    }
  }
  close(listener);  // its holders would answer for every connection
  const pid_t first = holder(far, end[0]), second = holder(near, end[0]);
  for (const std::vector<int>* list : {&near, &far})
    for (const int fd : *list)
      if (fd != end[1]) close(fd);
  const Pair odd = unix_pair();
  const pid_t third = holder({end[1], odd.far}, end[0]), fourth = holder({end[1], odd.near}, end[0]);
  close(odd.near);
  close(odd.far);
  std::printf("%d %d %d %d\n", first, second, third, fourth);
  std::fflush(stdout);
  char unused;
  while (read(0, &unused, 1) > 0) continue;
  close(end[1]);
  while (wait(nullptr) > 0) continue;
  return 0;
}
