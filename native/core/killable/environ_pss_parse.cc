#include "core/killable/environ_pss_parse.h"

#include <algorithm>
#include <cstring>

namespace reaper {

bool EnvironQuery::add(std::string_view name) {
  if (count == kEnvironNames || name.empty() || name.size() > kEnvironNameBytes) return false;
  if (name.find('=') != std::string_view::npos || name.find('\0') != std::string_view::npos) return false;
  std::memcpy(names[count], name.data(), name.size());
  names[count][name.size()] = '\0';
  lengths[count++] = static_cast<std::uint8_t>(name.size());
  return true;
}

void EnvironScan::take(std::string_view piece) {
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const char c = piece[i];
    if (c == '\0') {
      in_value_ = false;
      length_ = 0;
    } else if (in_value_) {
      // Values are most of the text: on to their end at once.
      const void* end = std::memchr(piece.data() + i, '\0', piece.size() - i);
      if (end == nullptr) return;
      i = static_cast<std::size_t>(static_cast<const char*>(end) - piece.data()) - 1;
    } else if (c == '=') {
      in_value_ = true;
      for (std::size_t k = 0; k < query_.count && length_ <= kEnvironNameBytes; ++k)
        if (query_.lengths[k] == length_ && std::memcmp(query_.names[k], name_, length_) == 0)
          met_ |= std::uint32_t{1} << k;
    } else {
      if (length_ < kEnvironNameBytes) name_[length_] = c;
      if (length_ <= kEnvironNameBytes) ++length_;
    }
  }
}

std::optional<std::int64_t> parse_pss_kib(std::string_view text) {
  std::optional<std::int64_t> found;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;  // cut
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.substr(0, 4) != "Pss:") continue;
    line.remove_prefix(4);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    std::int64_t value = 0;
    std::size_t digits = 0;
    for (; digits < line.size() && line[digits] >= '0' && line[digits] <= '9'; ++digits)
      if (digits < 15) value = value * 10 + (line[digits] - '0');
    if (found || digits == 0 || digits > 15 || line.substr(digits) != " kB") return std::nullopt;
    found = value;
  }
  return found;
}

}  // namespace reaper
