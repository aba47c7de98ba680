// /proc/PID/cmdline: the elements, put together again, are the bytes that came.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/proc/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string again;
  for (const std::string& element : reaper::split_argv(text)) {
    if (element.find('\0') != std::string::npos) __builtin_trap();
    again += element;
    again += '\0';
  }
  if (!text.empty() && text.back() != '\0') again.pop_back();
  if (again != text) __builtin_trap();
  return 0;
}
