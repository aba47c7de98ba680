// Sends lines to the system log without waiting for it.
#pragma once

#include <string>

#include "core/base/fd.h"

namespace reaper::hook {

enum class Priority { kWarning = 4, kInfo = 6 };  // syslog(3)

// Formats a line for the log daemon: `<facility and priority>name[pid]: text`, cut to one datagram of
// printable ASCII. It has no time stamp, because writing the local one would read TZ and /etc/localtime.
std::string format_log_line(Priority priority, const std::string& text);

class Syslog {
 public:
  // Connects to the daemon's datagram socket; when there is none, every line is dropped.
  explicit Syslog(const std::string& path);

  // Drops the line when the daemon is full or dead, for a logout must not wait.
  void send(Priority priority, const std::string& text) const;

  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace reaper::hook
