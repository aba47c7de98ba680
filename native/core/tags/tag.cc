#include "core/tags/tag.h"

#include <cerrno>
#include <charconv>
#include <limits>

namespace reaper {
namespace {

// What Number can hold without loss; the reader of a tag is JavaScript.
constexpr std::int64_t kMaxInteger = (std::int64_t{1} << 53) - 1;
constexpr std::int64_t kMaxPid = std::numeric_limits<pid_t>::max();
// The largest id; the value above it means "unset" to the kernel.
constexpr std::int64_t kMaxId = std::numeric_limits<std::uint32_t>::max() - 1;

constexpr char kHexDigits[] = "0123456789abcdef";

bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

// Bytes, not characters: each byte outside printable ASCII becomes \u00XX, so any bytes survive a round trip
// and nothing in the file can act on a terminal.
void append_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (is_plain(c)) {
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
  if (text) {
    append_text(out, std::string_view(*text));
  } else {
    out += "null";
  }
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
  for (const char c : text) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  }
  return !text.empty() && text.size() <= kMaxTagText;
}

// Reads one fixed shape from left to right. After the first mismatch every step is false.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool literal(std::string_view expected) {
    if (text_.substr(0, expected.size()) != expected) return false;
    text_.remove_prefix(expected.size());
    return true;
  }

  bool integer(std::int64_t low, std::int64_t high, std::int64_t& value) {
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc() || value < low || value > high) return false;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return true;
  }

  template <typename T>
  bool integer(std::int64_t low, std::int64_t high, T& value) {
    std::int64_t wide = 0;
    if (!integer(low, high, wide)) return false;
    value = static_cast<T>(wide);
    return true;
  }

  bool text(std::string& value) {
    if (!literal("\"")) return false;
    value.clear();
    while (!text_.empty() && value.size() <= kMaxTagText) {
      const char c = text_.front();
      if (c == '"') return literal("\"");
      if (c == '\\') {
        unsigned byte = 0;
        if (!escape(byte)) return false;
        value += static_cast<char>(byte);
      } else {
        if (!is_plain(c)) return false;
        value += c;
        text_.remove_prefix(1);
      }
    }
    return false;
  }

  bool optional_text(std::optional<std::string>& value) {
    if (literal("null")) return true;
    value.emplace();
    return text(*value);
  }

  bool optional_id(std::optional<std::uint32_t>& value) {
    if (literal("null")) return true;
    return integer(0, kMaxId, value.emplace());
  }

  bool at_end() const { return text_.empty(); }

 private:
  bool escape(unsigned& byte) {
    if (!literal("\\u00") || text_.size() < 2) return false;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + 2, byte, 16);
    if (error != std::errc() || end != text_.data() + 2) return false;
    text_.remove_prefix(2);
    return true;
  }

  std::string_view text_;
};

Failure bad(const char* why) { return {EBADMSG, why}; }

}  // namespace

std::string encode_tag(const Tag& tag) {
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

Result<Tag> decode_tag(std::string_view text) {
  // A size first: the file may be anything.
  if (text.size() > kMaxTagBytes) return bad("longer than a tag can be");
  Tag tag;
  Reader reader(text);
  if (!reader.literal(R"({"schemaVersion":1,"bootId":)")) return bad("not a tag of schema version 1");
  if (!reader.text(tag.boot_id) || !is_boot_id(tag.boot_id)) return bad("bootId");
  if (!reader.literal(R"(,"uid":)") || !reader.integer(0, kMaxId, tag.uid)) return bad("uid");
  if (!reader.literal(R"(,"root":{"pid":)") || !reader.integer(1, kMaxPid, tag.root.pid))
    return bad("root.pid");
  if (!reader.literal(R"(,"startTime":)") || !reader.integer(0, kMaxInteger, tag.root.start_time))
    return bad("root.startTime");
  if (!reader.literal(R"(},"auditSession":)") || !reader.optional_id(tag.audit_session))
    return bad("auditSession");
  if (!reader.literal(R"(,"logindSession":)") || !reader.optional_text(tag.logind_session))
    return bad("logindSession");
  if (!reader.literal(R"(,"closedAt":)") || !reader.integer(0, kMaxInteger, tag.closed_at_ms))
    return bad("closedAt");
  if (!reader.literal(R"(,"closedUptime":)") || !reader.integer(0, kMaxInteger, tag.closed_uptime_ms))
    return bad("closedUptime");
  if (!reader.literal(R"(,"product":)") || !reader.text(tag.product) || !is_product(tag.product))
    return bad("product");
  if (!reader.literal(R"(,"remoteHost":)") || !reader.optional_text(tag.remote_host))
    return bad("remoteHost");
  if (!reader.literal("}\n") || !reader.at_end()) return bad("the end");
  // One spelling only: a leading zero, a needless escape or a duplicate hides nothing.
  if (encode_tag(tag) != text) return bad("not as this program writes it");
  return tag;
}

}  // namespace reaper
