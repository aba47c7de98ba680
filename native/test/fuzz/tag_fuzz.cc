// Any bytes as the texts of a tag give one printable line, or are refused.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "hook/tag.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  reaper::hook::Tag tag;
  tag.boot_id = size % 2 == 0 ? "6a7b8c9d-0123-4567-89ab-cdef01234567" : text;
  tag.product = size % 3 == 0 ? text : "vscode";
  tag.root = {1, size};
  tag.logind_session = tag.remote_host = text;
  const reaper::Result<std::string> line = reaper::hook::encode_tag(tag);
  if (!line) return 0;
  for (std::size_t i = 0; i + 1 < line.value().size(); ++i)
    if (line.value()[i] < ' ' || line.value()[i] > '~') std::abort();
  return 0;
}
