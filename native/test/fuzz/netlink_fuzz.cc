// Bytes from the kernel's side: the first byte picks the parser. The sequence number asked for is the one
// that stands in the first message, or nothing would get past that check.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/sockets/proc_net.h"
#include "core/sockets/sock_diag.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int choice = data[0] % 4;
  ++data;
  --size;
  std::uint32_t sequence = 0;
  if (size >= 12) std::memcpy(&sequence, data + 8, sizeof sequence);
  std::vector<reaper::TcpRecord> tcp;
  std::vector<reaper::UnixRecord> local;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (choice == 0) static_cast<void>(reaper::parse_batch(data, size, sequence, tcp));
  if (choice == 1) static_cast<void>(reaper::parse_batch(data, size, sequence, local));
  reaper::NetSockets net;
  if (choice == 2) static_cast<void>(reaper::parse_proc_tcp(text, net));
  if (choice == 3) static_cast<void>(reaper::parse_proc_unix(text, net));
  for (const reaper::TcpRecord& record : tcp) {
    static_cast<void>(reaper::endpoint_text(record.local));
    static_cast<void>(reaper::endpoint_text(record.remote));
  }
  // An input may not make more out of itself than it is, nor a name longer than a path can be.
  if (tcp.size() * 72 > size || local.size() * 16 > size) __builtin_trap();
  for (const reaper::UnixRecord& record : local)
    if (record.name.size() > 108) __builtin_trap();
  return 0;
}
