// The one-line texts: audit ids and the texts of exe links.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/proc/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto id = reaper::parse_id(text)) {
    const std::string_view digits = text.substr(0, text.find('\n'));
    if (digits.find_first_not_of("0123456789") != std::string_view::npos) __builtin_trap();
    if (digits.size() > 1 && digits[0] != '0' && std::to_string(*id) != digits) __builtin_trap();
  }
  const std::string_view name = reaper::exe_basename(text);
  if (name.find('/') != std::string_view::npos || name.size() > size) __builtin_trap();
  return 0;
}
