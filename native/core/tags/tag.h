// The tag: "when this session closed, this process was still there". The only encoder and decoder.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/proc/process_id.h"

namespace reaper {

inline constexpr std::size_t kMaxTagBytes = 4096;  // an encoded tag, line end included
inline constexpr std::size_t kMaxTagText = 255;    // one text in it, before escaping

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

// One line of JSON with the keys of DESIGN section 5. Text is escaped to printable ASCII.
std::string encode_tag(const Tag& tag);

// Refuses (EBADMSG, with the reason) anything but exactly what encode_tag writes: unknown or missing keys,
// numbers out of range, text that is too long, trailing bytes.
Result<Tag> decode_tag(std::string_view text);

}  // namespace reaper
