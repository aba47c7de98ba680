#include "hook/tag.h"

#include <cerrno>
#include <string_view>

namespace reaper::hook {
namespace {

// What a JavaScript number holds without loss.
constexpr std::int64_t kMaxInteger = (std::int64_t{1} << 53) - 1;

constexpr char kHexDigits[] = "0123456789abcdef";

// Escapes bytes, not characters: each byte outside printable ASCII becomes \u00XX, so nothing in the file can
// act on a terminal.
void append_text(std::string& out, std::string_view text) {
  out += '"';
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
  out += '"';
}

void append_text(std::string& out, const std::optional<std::string>& text) {
  if (text)
    append_text(out, std::string_view(*text));
  else
    out += "null";
}

bool is_boot_id(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    if (dash ? text[i] != '-' : !hex) return false;
  }
  return true;
}

bool is_product(std::string_view text) {
  for (const char c : text)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  return !text.empty() && text.size() <= kMaxTagText;
}

bool is_short(const std::optional<std::string>& text) { return !text || text->size() <= kMaxTagText; }
bool is_time(std::int64_t time) { return time >= 0 && time <= kMaxInteger; }

const char* wrong_field_of(const Tag& tag) {
  if (!is_boot_id(tag.boot_id)) return "bootId";
  if (tag.root.pid < 1) return "root.pid";
  if (tag.root.start_time > static_cast<std::uint64_t>(kMaxInteger)) return "root.startTime";
  if (!is_short(tag.logind_session)) return "logindSession";
  if (!is_time(tag.closed_at_ms)) return "closedAt";
  if (!is_time(tag.closed_uptime_ms)) return "closedUptime";
  if (!is_product(tag.product)) return "product";
  if (!is_short(tag.remote_host)) return "remoteHost";
  return nullptr;
}

}  // namespace

Result<std::string> encode_tag(const Tag& tag) {
  if (const char* field = wrong_field_of(tag)) return Failure{EINVAL, std::string("write a tag: ") + field};
  std::string out = R"({"schemaVersion":1,"bootId":)";
  append_text(out, std::string_view(tag.boot_id));
  out += R"(,"uid":)" + std::to_string(tag.uid);
  out += R"(,"root":{"pid":)" + std::to_string(tag.root.pid);
  out += R"(,"startTime":)" + std::to_string(tag.root.start_time);
  out += R"(},"auditSession":)" + (tag.audit_session ? std::to_string(*tag.audit_session) : "null");
  out += R"(,"logindSession":)";
  append_text(out, tag.logind_session);
  out += R"(,"closedAt":)" + std::to_string(tag.closed_at_ms);
  out += R"(,"closedUptime":)" + std::to_string(tag.closed_uptime_ms);
  out += R"(,"product":)";
  append_text(out, std::string_view(tag.product));
  out += R"(,"remoteHost":)";
  append_text(out, tag.remote_host);
  out += "}\n";
  return out;
}

}  // namespace reaper::hook
