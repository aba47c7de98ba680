#include "core/tags/tag.h"

#include <cerrno>
#include <random>

#include "test/check.h"

namespace {

using reaper::decode_tag;
using reaper::encode_tag;
using reaper::Result;
using reaper::Tag;

Tag example() {
  Tag tag;
  tag.boot_id = "6a7b8c9d-0123-4567-89ab-cdef01234567";
  tag.uid = 1001;
  tag.root = {75950, 123456};
  tag.audit_session = 42;
  tag.logind_session = "c1";
  tag.closed_at_ms = 1'714'000'000'000;
  tag.closed_uptime_ms = 987'654'321;
  tag.product = "vscode";
  tag.remote_host = "login.example.org";
  return tag;
}

bool same(const Tag& a, const Tag& b) {
  return a.boot_id == b.boot_id && a.uid == b.uid && a.root.pid == b.root.pid &&
         a.root.start_time == b.root.start_time && a.audit_session == b.audit_session &&
         a.logind_session == b.logind_session && a.closed_at_ms == b.closed_at_ms &&
         a.closed_uptime_ms == b.closed_uptime_ms && a.product == b.product && a.remote_host == b.remote_host;
}

// The bytes are a contract with whoever looks into the directory by hand.
void test_format() {
  CHECK(encode_tag(example()) ==
        "{\"schemaVersion\":1,\"bootId\":\"6a7b8c9d-0123-4567-89ab-cdef01234567\",\"uid\":1001,"
        "\"root\":{\"pid\":75950,\"startTime\":123456},\"auditSession\":42,\"logindSession\":\"c1\","
        "\"closedAt\":1714000000000,\"closedUptime\":987654321,\"product\":\"vscode\","
        "\"remoteHost\":\"login.example.org\"}\n");
  Tag bare = example();
  bare.audit_session.reset();
  bare.logind_session.reset();
  bare.remote_host.reset();
  const std::string text = encode_tag(bare);
  CHECK(text.find("\"auditSession\":null,\"logindSession\":null,") != std::string::npos);
  CHECK(text.find("\"remoteHost\":null}\n") != std::string::npos);
  const Result<Tag> decoded = decode_tag(text);
  CHECK(decoded.ok() && same(decoded.value(), bare));
}

class Random {
 public:
  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
  std::string bytes(std::size_t longest) {
    std::string text(below(longest + 1), ' ');
    for (char& c : text) c = static_cast<char>(below(256));
    return text;
  }
  std::string letters(const char* alphabet, std::size_t count) {
    const std::string all = alphabet;
    std::string text(count, ' ');
    for (char& c : text) c = all[below(all.size())];
    return text;
  }

 private:
  std::mt19937_64 engine_{20240425};  // fixed: a failure can be repeated
};

Tag any_tag(Random& random) {
  const char* hex = "0123456789abcdef";
  Tag tag;
  tag.boot_id = random.letters(hex, 8) + "-" + random.letters(hex, 4) + "-" + random.letters(hex, 4) + "-" +
                random.letters(hex, 4) + "-" + random.letters(hex, 12);
  tag.uid = static_cast<uid_t>(random.below(4294967295U));
  tag.root.pid = static_cast<pid_t>(1 + random.below(2147483647));
  tag.root.start_time = random.below(std::uint64_t{1} << random.below(54));
  if (random.below(2) != 0) tag.audit_session = static_cast<std::uint32_t>(random.below(4294967295U));
  if (random.below(2) != 0) tag.logind_session = random.bytes(reaper::kMaxTagText);
  tag.closed_at_ms = static_cast<std::int64_t>(random.below(std::uint64_t{1} << 53));
  tag.closed_uptime_ms = static_cast<std::int64_t>(random.below(std::uint64_t{1} << 53));
  tag.product = random.letters("abcxyz019-", 1 + random.below(40));
  if (random.below(2) != 0) tag.remote_host = random.bytes(reaper::kMaxTagText);
  return tag;
}

void test_round_trip() {
  Random random;
  for (int i = 0; i < 20000; ++i) {
    const Tag tag = any_tag(random);
    const std::string text = encode_tag(tag);
    bool printable = !text.empty() && text.back() == '\n' && text.size() <= reaper::kMaxTagBytes;
    for (std::size_t at = 0; at + 1 < text.size(); ++at)
      printable = printable && text[at] >= ' ' && text[at] <= '~';
    CHECK(printable);
    const Result<Tag> decoded = decode_tag(text);
    CHECK(decoded.ok() && same(decoded.value(), tag));
  }
}

// What is accepted is what the encoder writes, so an accepted text says one thing only.
void test_damage() {
  Tag tag = example();
  tag.remote_host = "a\x1b\"\\\xff";
  const std::string text = encode_tag(tag);
  for (std::size_t size = 0; size < text.size(); ++size) CHECK(!decode_tag(text.substr(0, size)).ok());
  int accepted = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[at] = static_cast<char>(byte);
      const Result<Tag> decoded = decode_tag(changed);
      if (decoded.ok()) {
        ++accepted;
        CHECK(encode_tag(decoded.value()) == changed);
      } else {
        CHECK(decoded.failure().code == EBADMSG && !decoded.failure().what.empty());
      }
    }
    std::string longer = text, shorter = text;
    longer.insert(at, 1, text[at]);
    shorter.erase(at, 1);
    for (const std::string& changed : {longer, shorter}) {
      const Result<Tag> decoded = decode_tag(changed);
      CHECK(!decoded.ok() || encode_tag(decoded.value()) == changed);
    }
  }
  CHECK(accepted > static_cast<int>(text.size()));  // other digits and letters are other tags
}

std::string with(const char* from, const std::string& to) {
  std::string text = encode_tag(example());
  const std::size_t at = text.find(from);
  CHECK(at != std::string::npos);
  return text.replace(at, std::string(from).size(), to);
}

void test_refusals() {
  const std::string refused[] = {
      "",
      "{}",
      "null",
      std::string(5000, ' '),
      std::string(1 << 20, '['),
      encode_tag(example()) + "\n",
      encode_tag(example()) + encode_tag(example()),
      with("\"schemaVersion\":1", "\"schemaVersion\":2"),
      with("\"uid\":1001", "\"uid\":-1"),
      with("\"uid\":1001", "\"uid\":4294967295"),
      with("\"uid\":1001", "\"uid\":01001"),
      with("\"uid\":1001", "\"uid\":1001.0"),
      with("\"uid\":1001", "\"uid\":1e3"),
      with("\"uid\":1001", "\"uid\":\"1001\""),
      with("\"uid\":1001", "\"uid\":null"),
      with("\"uid\":1001", "\"uid\":99999999999999999999999"),
      with("\"pid\":75950", "\"pid\":0"),
      with("\"pid\":75950", "\"pid\":-75950"),
      with("\"pid\":75950", "\"pid\":2147483648"),
      with("\"startTime\":123456", "\"startTime\":9007199254740992"),
      with("\"auditSession\":42", "\"auditSession\":4294967295"),
      with("\"closedAt\":1714000000000", "\"closedAt\":-1"),
      with("6a7b8c9d", "6A7B8C9D"),
      with("6a7b8c9d-", "6a7b8c9d0"),
      with("\"vscode\"", "\"\""),
      with("\"vscode\"", "\"VS Code\""),
      with("\"vscode\"", "null"),
      with("\"c1\"", "\"" + std::string(256, 'c') + "\""),
      with("\"c1\"", "\"c1"),
      with("\"c1\"", "\"\\u0063\""),
      with("\"c1\"", "\"\\n\""),
      with("\"c1\"", "\"\\u001B\""),
      with("\"c1\"", "\"\\u00\""),
      with("\"c1\"", "\"\\u0100\""),
      with("\"c1\"", std::string("\"\0\"", 3)),
      with(",\"product\"", ", \"product\""),
      with("\"uid\"", "\"uid2\""),
  };
  for (const std::string& text : refused) {
    const bool accepted = decode_tag(text).ok();
    CHECK(!accepted);
    if (accepted) std::fprintf(stderr, "  %s\n", text.substr(0, 400).c_str());
  }
}

}  // namespace

int main() {
  test_format();
  test_round_trip();
  test_damage();
  test_refusals();
  return report("tag");
}
