#include "hook/tag.h"

#include <string_view>

namespace reaper::hook {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

// Guard: the user may choose the text. Each byte outside printable ASCII becomes \u00XX, so that nothing in
// the file can act on a terminal.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '"' && c != '\\') {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += "\\u00";
    out += kHexDigits[byte >> 4];
    out += kHexDigits[byte & 15];
  }
  return out + '"';
}

std::string quoted_or_null(const std::optional<std::string>& text) { return text ? quoted(*text) : "null"; }

}  // namespace

std::string encode_tag(const Tag& tag) {
  return R"({"schemaVersion":1,"bootId":)" + quoted(tag.boot_id) + R"(,"uid":)" + std::to_string(tag.uid) +
         R"(,"auditSession":)" + (tag.audit_session ? std::to_string(*tag.audit_session) : "null") +
         R"(,"logindSession":)" + quoted_or_null(tag.logind_session) + R"(,"closedAt":)" +
         std::to_string(tag.closed_at_ms) + R"(,"closedUptime":)" + std::to_string(tag.closed_uptime_ms) +
         R"(,"remoteHost":)" + quoted_or_null(tag.remote_host) + "}\n";
}

}  // namespace reaper::hook
