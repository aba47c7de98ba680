// /proc/PID/status. Any bytes give four uids or none, and no name that the kernel would write gives others
// than the real ones.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/proc/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto uids = reaper::parse_status_uids(text);
  reaper::parse_status_ignores_hangup(text);
  if (uids && text.find("\nUid:\t") == std::string_view::npos) __builtin_trap();
  std::string name(text);
  std::replace(name.begin(), name.end(), '\n', 'n');  // the kernel escapes it
  const std::string status =
      "Name:\t" + name +
      "\nUmask:\t0022\nState:\tS (sleeping)\nUid:\t1001\t1002\t1003\t1004\nGid:\t5\t6\t7\t8\n";
  const auto real = reaper::parse_status_uids(status);
  if (!real || *real != std::array<uid_t, 4>{1001, 1002, 1003, 1004}) __builtin_trap();
  return 0;
}
