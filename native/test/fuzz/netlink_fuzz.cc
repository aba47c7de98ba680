// Bytes from the kernel's side: the first byte picks the parser. The first message gets the sequence number
// that was asked for, or nothing would get past that check.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "core/sockets/sock_diag.h"
#include "core/sockets/socket_table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int choice = data[0] % 4;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (choice != 2 && bytes.size() >= 12) std::memcpy(&bytes[8], &reaper::kSequence, sizeof reaper::kSequence);
  // An input may not make more out of itself than it is.
  if (choice != 2) {
    constexpr int kFamilies[] = {AF_INET, AF_UNIX, 0, AF_INET6};
    std::size_t records = 0;
    static_cast<void>(reaper::parse_buffer(kFamilies[choice], bytes, [&](const reaper::SocketRecord& record) {
      ++records;
      if (record.is_tcp) static_cast<void>(reaper::place_text(record.end) + reaper::place_text(record.far));
      if (record.name.size() + record.place.size() + 4 * record.waiting.size() > 2 * bytes.size())
        __builtin_trap();
    }));
    if (records * 16 > bytes.size()) __builtin_trap();
  }
  if (choice == 2 && reaper::parse_net_unix(bytes).size() > bytes.size()) __builtin_trap();
  return 0;
}
