// Any bytes are a tag or are refused; what is accepted is what the encoder writes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/tags/tag.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const reaper::Result<reaper::Tag> tag = reaper::decode_tag(text);
  if (tag && reaper::encode_tag(tag.value()) != text) std::abort();
  return 0;
}
