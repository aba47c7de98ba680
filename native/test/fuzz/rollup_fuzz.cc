// /proc/PID/smaps_rollup. Any bytes are a size or none; a path of the user's choosing cannot forge one.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/killable/environ_pss_parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto pss = reaper::parse_pss_kib(text)) {
    if (*pss < 0 || text.find("Pss:") == std::string_view::npos || text.back() != '\n') __builtin_trap();
    if (text[size - 2] != '\n' && reaper::parse_pss_kib(text.substr(0, size - 1))) __builtin_trap();
  }
  std::string name(text);
  std::replace(name.begin(), name.end(), '\n', 'n');  // the kernel escapes it
  const std::string whole = "00400000-7ffd00000000 ---p 00000000 00:00 0   " + name +
                            "\nRss:    1804 kB\nPss:     228 kB\nPss_Dirty:   92 kB\n";
  if (reaper::parse_pss_kib(whole) != 228) __builtin_trap();
  return 0;
}
