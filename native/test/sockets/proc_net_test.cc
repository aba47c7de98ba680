// The parsers of /proc/PID/net on hand-made, cut and hostile texts.
#include "core/sockets/proc_net.h"

#include <string>

#include "test/check.h"

using reaper::NetSockets;
using reaper::parse_proc_tcp;
using reaper::parse_proc_unix;

namespace {

using Inodes = std::vector<std::uint32_t>;

const std::string kTcpHead =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";
const std::string kUnixHead = "Num RefCount Protocol Flags Type St Inode Path\n";

void tcp_is_read() {
  const std::string text =
      kTcpHead +
      "   0: 0100007F:0016 0100007F:9CBB 01 00000000:00000000 02:000A9D5B 00000000     0        0 4711 2 0 "
      "20\n"
      "   1: 0000000000000000FFFF00000100007F:9CBB 0000000000000000FFFF00000100007F:0016 01 "
      "00000000:00000000 00:00000000 00000000  1000        0 4712 1 0\n"
      "   2: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0\n";
  NetSockets found;
  CHECK(parse_proc_tcp(text, found).ok());
  CHECK((found.known == Inodes{4711, 4712, 4713}) && (found.connected == Inodes{4711, 4712}));
  CHECK(parse_proc_tcp(kTcpHead, found).ok() && !parse_proc_tcp("", found).ok());
  for (std::size_t size = kTcpHead.size() + 1; size < text.size(); ++size)
    if (text[size - 1] != '\n') CHECK(!parse_proc_tcp(text.substr(0, size), found).ok());
  for (const char* line : {"x\n", "0: 0100007F:0016 0100007F:9CBB ZZ 0 0 0 0 0 1\n",
                           "0: 0100007F:0016 0100007F:9CBB 01 0 0 0 0 0 x\n", "\n"})
    CHECK(!parse_proc_tcp(kTcpHead + line, found).ok());
}

// Only a stream that is connected and has a name was accepted by a listener.
void unix_is_read() {
  NetSockets found;
  CHECK(parse_proc_unix(kUnixHead +
                            "0000000000000000: 00000003 00000000 00000000 0001 03 19500 /run/x\n"
                            "hostile: a b c 0001 9 line\n"
                            "0000000000000000: 00000002 00000000 00010000 0001 01 19501 /run/listening\n"
                            "0000000000000000: 00000003 00000000 00000000 0002 03 19502 /run/datagram\n"
                            "0000000000000000: 00000003 00000000 00000000 0005 03 19503 @packets\n"
                            "0000000000000000: 00000003 00000000 00000000 0001 03 19504\n",
                        found)
            .ok());
  CHECK((found.known == Inodes{19500, 19501, 19502, 19503, 19504}));
  CHECK((found.connected == Inodes{19500, 19503}));
  CHECK(!parse_proc_unix(kUnixHead + "0000000000000000: 00000003", found).ok());
}

}  // namespace

int main() {
  tcp_is_read();
  unix_is_read();
  return report("proc_net");
}
