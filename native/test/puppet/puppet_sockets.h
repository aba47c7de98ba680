// The sockets of one puppet: listens, accepts and holds, connects and holds.
#pragma once

#include <poll.h>

#include <string>
#include <vector>

namespace reaper::puppet {

class Sockets {
 public:
  // Opens what the behaviours ask for; a reason on failure, else empty. Every connection is accepted by its
  // peer when this returns: the listener sends one byte on accepting.
  std::string open_all(const std::string& behaviours, const std::string& run, long index);
  std::vector<pollfd> watched() const;
  // Accepts on listeners; closes connections whose peer has gone. `ready` is watched() after poll.
  void serve(const std::vector<pollfd>& ready);
  // " port=N" when a TCP listener is open.
  std::string describe() const;

 private:
  std::vector<int> listeners_;
  std::vector<int> connections_;
  int port_ = 0;
};

}  // namespace reaper::puppet
