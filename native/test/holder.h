// For tests of who holds which socket: connected pairs, and processes that hold just the descriptors they are
// given.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "core/base/fd.h"

struct Pair {
  reaper::UniqueFd client, server;
};

[[noreturn]] inline void give_up(const char* what) {
  std::perror(what);
  std::_Exit(2);
}

// A process that runs `prepare`, says it is ready and waits to be ended. It shares no pipe with the test.
class Child {
 public:
  explicit Child(const std::function<void()>& prepare) {
    int ready[2];
    if (pipe(ready) != 0) give_up("pipe");
    pid_ = fork();
    if (pid_ < 0) give_up("fork");
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      prepare();
      const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
      for (const int fd : {0, 1, 2, ready[0]}) dup2(null, fd);
      if (write(ready[1], "r", 1) != 1) std::_Exit(2);
      for (;;) pause();
    }
    close(ready[1]);
    char byte = 0;
    if (read(ready[0], &byte, 1) != 1) give_up("child did not get ready");
    close(ready[0]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

inline void close_sockets_but(const std::vector<int>& keep) {
  for (int fd = 3; fd < 1024; ++fd) {
    int type = 0;
    socklen_t size = sizeof type;
    if (std::find(keep.begin(), keep.end(), fd) != keep.end()) continue;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0) close(fd);
  }
}

// A process that holds these sockets and no other.
class Holding : public Child {
 public:
  explicit Holding(const std::vector<int>& keep) : Child([&] { close_sockets_but(keep); }) {}
};

inline reaper::UniqueFd make_listener(int family, const sockaddr* address, socklen_t size,
                                      int type = SOCK_STREAM, int protocol = 0) {
  reaper::UniqueFd fd(socket(family, type | SOCK_CLOEXEC, protocol));
  const int off = 0, on = 1;
  if (family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (family != AF_UNIX) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd.get(), address, size) != 0 || listen(fd.get(), 8) != 0) give_up("listen");
  return fd;
}

inline sockaddr_in loopback4(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline sockaddr_in6 address6(int port, const in6_addr& host) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<std::uint16_t>(port));
  address.sin6_addr = host;
  return address;
}

template <typename Address>
const sockaddr* generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

inline int port_of(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) give_up("getsockname");
  return ntohs(name.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&name)->sin_port
                                         : reinterpret_cast<sockaddr_in6*>(&name)->sin6_port);
}

inline reaper::UniqueFd connect_to(int family, const sockaddr* address, socklen_t size,
                                   int type = SOCK_STREAM, int protocol = 0, int from_port = 0) {
  reaper::UniqueFd fd(socket(family, type | SOCK_CLOEXEC, protocol));
  const sockaddr_in from = loopback4(from_port);
  if (from_port != 0 && bind(fd.get(), generic(from), sizeof from) != 0) give_up("bind");
  if (connect(fd.get(), address, size) != 0) give_up("connect");
  return fd;
}

inline reaper::UniqueFd accept_from(const reaper::UniqueFd& listener) {
  reaper::UniqueFd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd.valid()) give_up("accept");
  return fd;
}

inline Pair tcp4_pair(int port = 0, int from_port = 0, int protocol = 0) {
  const sockaddr_in any = loopback4(port);
  const auto listener = make_listener(AF_INET, generic(any), sizeof any, SOCK_STREAM, protocol);
  const sockaddr_in to = loopback4(port_of(listener.get()));
  auto client = connect_to(AF_INET, generic(to), sizeof to, SOCK_STREAM, 0, from_port);
  return {std::move(client), accept_from(listener)};
}

// `name` may begin with a NUL: abstract.
inline sockaddr_un unix_address(const std::string& name, socklen_t& size) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), std::min(name.size(), sizeof address.sun_path));
  size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (name[0] != '\0'));
  return address;
}

inline Pair unix_pair(const std::string& name, int type = SOCK_STREAM) {
  socklen_t size = 0;
  const sockaddr_un address = unix_address(name, size);
  const auto listener = make_listener(AF_UNIX, generic(address), size, type);
  auto client = connect_to(AF_UNIX, generic(address), size, type);
  return {std::move(client), accept_from(listener)};
}

inline Pair socket_pair(int type) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) give_up("socketpair");
  return {reaper::UniqueFd(ends[0]), reaper::UniqueFd(ends[1])};
}

// Sends descriptors through a unix socket. No process holds them until the receiver takes them.
inline void pass(const reaper::UniqueFd& through, const std::vector<int>& fds) {
  const std::size_t size = fds.size() * sizeof(int);
  std::vector<char> control(CMSG_SPACE(size));
  char byte = 0;
  iovec data{&byte, 1};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(head), fds.data(), size);
  if (sendmsg(through.get(), &message, 0) != 1) give_up("pass descriptors");
}

inline reaper::UniqueFd take(const reaper::UniqueFd& through) {
  char control[CMSG_SPACE(sizeof(int))] = {};
  char byte = 0;
  iovec data{&byte, 1};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  int fd = -1;
  if (recvmsg(through.get(), &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message) != nullptr)
    std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return reaper::UniqueFd(fd);
}
