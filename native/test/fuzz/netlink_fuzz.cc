// Bytes from the kernel's side: the first byte picks the parser. The first message gets the sequence number
// that was asked for, or nothing would get past that check.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sockets/sock_diag.h"
#include "core/sockets/socket_table.h"

namespace {

// An input may not make more out of itself than it is.
template <typename Record>
std::vector<Record> parse(std::string_view bytes) {
  std::vector<Record> records;
  const std::function<void(const Record&)> keep = [&](const Record& record) { records.push_back(record); };
  static_cast<void>(reaper::parse_buffer(bytes, keep));
  if (records.size() * 16 > bytes.size()) __builtin_trap();
  return records;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int choice = data[0] % 3;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (choice < 2 && bytes.size() >= 12) std::memcpy(&bytes[8], &reaper::kSequence, sizeof reaper::kSequence);
  if (choice == 0)
    for (const reaper::TcpRecord& record : parse<reaper::TcpRecord>(bytes))
      static_cast<void>(reaper::endpoint_text(record.local) + reaper::endpoint_text(record.remote));
  if (choice == 1)
    for (const reaper::UnixRecord& record : parse<reaper::UnixRecord>(bytes))
      if (record.name.size() + record.key.size() + 4 * record.waiting.size() > 2 * bytes.size())
        __builtin_trap();
  std::vector<std::uint32_t> inodes;
  if (choice == 2) static_cast<void>(reaper::parse_net_unix(bytes, inodes));
  if (inodes.size() > bytes.size()) __builtin_trap();
  return 0;
}
