#include "core/killable/environ_parse.h"

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
      // Values are most of the text: skip to their end at once.
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

}  // namespace reaper
