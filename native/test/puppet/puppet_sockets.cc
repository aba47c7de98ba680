#include "test/puppet/puppet_sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "test/puppet/puppet.h"

namespace reaper::puppet {

namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address loopback(int port) {
  Address address;
  auto* in = reinterpret_cast<sockaddr_in*>(&address.storage);
  in->sin_family = AF_INET;
  in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  in->sin_port = htons(static_cast<uint16_t>(port));
  address.size = sizeof(sockaddr_in);
  return address;
}

Address unix_path(const std::string& path) {
  Address address;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.storage);
  un->sun_family = AF_UNIX;
  strncpy(un->sun_path, path.c_str(), sizeof un->sun_path - 1);
  address.size = sizeof(sockaddr_un);
  return address;
}

int listen_on(const Address& address) {
  int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, address.raw(), address.size) != 0 || listen(fd, 64) != 0) return -1;
  return fd;
}

int port_of(int fd) {
  sockaddr_in in{};
  socklen_t size = sizeof in;
  return getsockname(fd, reinterpret_cast<sockaddr*>(&in), &size) == 0 ? ntohs(in.sin_port) : 0;
}

// The port as a number, or "@N": the port that node N of the same stage listens on, as soon as it says so.
int port_named(const std::string& value, const std::string& run) {
  if (value.empty() || value[0] != '@') return static_cast<int>(number(value));
  for (int waited = 0; waited < kPatienceMs; waited += 5) {
    long port = number(read_text(run + "/port." + value.substr(1)));
    if (port > 0) return static_cast<int>(port);
    pause_ms(5);
  }
  return -1;
}

bool publish_port(int port, const std::string& run, long index) {
  std::string path = run + "/port." + std::to_string(index);
  std::string draft = path + ".draft";
  std::string text = std::to_string(port);
  int fd = open(draft.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return written && rename(draft.c_str(), path.c_str()) == 0;
}

// The listener may start later than this process, so its absence is waited out.
int connect_to(const Address& address) {
  for (int waited = 0; waited < kPatienceMs; waited += 5) {
    int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char accepted;
    if (fd >= 0 && connect(fd, address.raw(), address.size) == 0 && read(fd, &accepted, 1) == 1) return fd;
    if (fd < 0 || (errno != ENOENT && errno != ECONNREFUSED)) return -1;
    close(fd);
    pause_ms(5);
  }
  return -1;
}

}  // namespace

std::string Sockets::open_all(const std::string& behaviours, const std::string& run, long index) {
  std::string value;
  int fd = -1;
  if (has(behaviours, "tcp-listen")) {
    if ((fd = listen_on(loopback(0))) < 0) return std::string("tcp-listen: ") + strerror(errno);
    listeners_.push_back(fd);
    port_ = port_of(fd);
    if (!publish_port(port_, run, index)) return std::string("port file: ") + strerror(errno);
  }
  if (has(behaviours, "unix-listen", &value)) {
    if ((fd = listen_on(unix_path(value))) < 0) return "unix-listen " + value + ": " + strerror(errno);
    listeners_.push_back(fd);
  }
  if (has(behaviours, "tcp-connect", &value)) {
    if ((fd = connect_to(loopback(port_named(value, run)))) < 0)
      return "tcp-connect " + value + ": " + strerror(errno);
    connections_.push_back(fd);
  }
  if (has(behaviours, "unix-connect", &value)) {
    if ((fd = connect_to(unix_path(value))) < 0) return "unix-connect " + value + ": " + strerror(errno);
    connections_.push_back(fd);
  }
  return "";
}

std::vector<pollfd> Sockets::watched() const {
  std::vector<pollfd> list;
  for (int fd : listeners_) list.push_back({fd, POLLIN, 0});
  for (int fd : connections_) list.push_back({fd, POLLIN, 0});
  return list;
}

void Sockets::serve(const std::vector<pollfd>& ready) {
  for (const pollfd& entry : ready) {
    if (entry.revents == 0) continue;
    if (std::find(listeners_.begin(), listeners_.end(), entry.fd) != listeners_.end()) {
      int fd = accept4(entry.fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      connections_.push_back(fd);
      if (send(fd, "k", 1, MSG_NOSIGNAL) == 1) continue;
      connections_.pop_back();
      close(fd);
      continue;
    }
    char block[512];
    if (read(entry.fd, block, sizeof block) > 0) continue;
    connections_.erase(std::remove(connections_.begin(), connections_.end(), entry.fd), connections_.end());
    close(entry.fd);
  }
}

std::string Sockets::describe() const { return port_ == 0 ? "" : " port=" + std::to_string(port_); }

}  // namespace reaper::puppet
