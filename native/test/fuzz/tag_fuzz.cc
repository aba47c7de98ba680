// Any bytes as the texts of a tag give one printable line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "hook/tag.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  reaper::hook::Tag tag;
  tag.boot_id.assign(reinterpret_cast<const char*>(data), size);
  tag.logind_session = tag.remote_host = tag.boot_id;
  const std::string line = reaper::hook::encode_tag(tag);
  for (std::size_t i = 0; i + 1 < line.size(); ++i)
    if (line[i] < ' ' || line[i] > '~') std::abort();
  return 0;
}
