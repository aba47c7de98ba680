#include "hook/syslog.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace reaper::hook {
namespace {

constexpr int kLogAuth = 4 << 3;       // facility, syslog(3)
constexpr std::size_t kMaxLine = 480;  // far below what any daemon cuts

}  // namespace

std::string format_log_line(Priority priority, const std::string& text) {
  std::string line = "<" + std::to_string(kLogAuth | static_cast<int>(priority)) + ">vscode-grim-reaper[" +
                     std::to_string(getpid()) + "]: session-close: " + text;
  if (line.size() > kMaxLine) line.resize(kMaxLine);
  // Guard: a user chooses names in messages; one call must stay one line of plain text.
  for (char& c : line) {
    if (c < ' ' || c > '~') c = '?';
  }
  return line;
}

Syslog::Syslog(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
    fd_ = std::move(fd);
}

void Syslog::send(Priority priority, const std::string& text) const {
  const std::string line = format_log_line(priority, text);
  (void)!::send(fd_.get(), line.data(), line.size(), MSG_DONTWAIT);
}

}  // namespace reaper::hook
