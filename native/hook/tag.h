// The tag: "when this session closed, this process was still there". The hook writes it, the sweep reads it
// (src/shell/store/tags.ts).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/proc/process.h"

namespace reaper::hook {

inline constexpr std::size_t kMaxTagText = 255;  // bytes of one text, before escaping

struct Tag {
  std::string boot_id;
  uid_t uid = 0;
  ProcId root;
  std::optional<std::uint32_t> audit_session;
  std::optional<std::string> logind_session;
  std::int64_t closed_at_ms = 0;      // since the epoch
  std::int64_t closed_uptime_ms = 0;  // since boot, CLOCK_BOOTTIME
  std::string product;
  std::optional<std::string> remote_host;
};

// Writes a tag as one line of JSON; text is escaped to printable ASCII. Fails
// with EINVAL and the field's name for a tag that the sweep would refuse.
Result<std::string> encode_tag(const Tag& tag);

}  // namespace reaper::hook
