// /proc/PID/cgroup: only whole absolute paths come out, each once, and all of them stood in the text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/proc/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto paths = reaper::parse_cgroups(text);
  if (!paths) return 0;
  std::size_t total = 0;
  for (const std::string& path : *paths) {
    total += path.size();
    if (path.empty() || path[0] != '/' || path.find('\n') != std::string::npos) __builtin_trap();
    if (text.find(":" + path + "\n") == std::string_view::npos) __builtin_trap();
    if (std::count(paths->begin(), paths->end(), path) != 1) __builtin_trap();
  }
  if (total > size) __builtin_trap();
  return 0;
}
