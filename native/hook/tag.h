// The tag of a user: when a session of theirs closed last. The sweep reads it (src/shell/store/tags.ts): each
// tree of theirs that is older and lives was left behind.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace reaper::hook {

inline constexpr std::size_t kMaxTagText = 255;  // bytes of one text, before escaping

struct Tag {
  std::string boot_id;
  uid_t uid = 0;
  std::optional<std::uint32_t> audit_session;
  std::optional<std::string> logind_session;
  std::int64_t closed_at_ms = 0;      // since the epoch
  std::int64_t closed_uptime_ms = 0;  // since boot, CLOCK_BOOTTIME
  std::optional<std::string> remote_host;
};

// Writes a tag as one line of JSON in printable ASCII.
std::string encode_tag(const Tag& tag);

}  // namespace reaper::hook
