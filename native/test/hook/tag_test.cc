#include "hook/tag.h"

#include <cerrno>
#include <limits>
#include <random>

#include "test/check.h"

namespace {

using reaper::Result;
using namespace reaper::hook;

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

// The bytes are a contract with the sweep and with people who look into the directory.
void test_format() {
  CHECK(encode_tag(example()).value() ==
        "{\"schemaVersion\":1,\"bootId\":\"6a7b8c9d-0123-4567-89ab-cdef01234567\",\"uid\":1001,"
        "\"root\":{\"pid\":75950,\"startTime\":123456},\"auditSession\":42,\"logindSession\":\"c1\","
        "\"closedAt\":1714000000000,\"closedUptime\":987654321,\"product\":\"vscode\","
        "\"remoteHost\":\"login.example.org\"}\n");
  Tag bare = example();
  bare.audit_session.reset();
  bare.logind_session.reset();
  bare.remote_host.reset();
  const std::string text = encode_tag(bare).value();
  CHECK(text.find("\"auditSession\":null,\"logindSession\":null,") != std::string::npos);
  CHECK(text.find("\"remoteHost\":null}\n") != std::string::npos);
  Tag hostile = example();
  hostile.remote_host = "a\x1b\"\\\xff";
  CHECK(encode_tag(hostile).value().find(R"("remoteHost":"a\u001b\u0022\u005c\u00ff"})") !=
        std::string::npos);
}

// Any bytes in a text give one line of printable ASCII.
void test_any_text_is_printable() {
  std::mt19937_64 random{20240425};  // fixed: a failure can be repeated
  for (int i = 0; i < 2000; ++i) {
    Tag tag = example();
    std::string bytes(random() % (kMaxTagText + 1), ' ');
    for (char& c : bytes) c = static_cast<char>(random() % 256);
    tag.logind_session = tag.remote_host = bytes;
    const Result<std::string> text = encode_tag(tag);
    bool printable = text.ok() && text.value().back() == '\n' && text.value().size() <= 4096;
    for (std::size_t at = 0; printable && at + 1 < text.value().size(); ++at)
      printable = text.value()[at] >= ' ' && text.value()[at] <= '~';
    CHECK(printable);
  }
}

template <typename Change>
void check_refused(const char* field, Change change) {
  Tag tag = example();
  change(tag);
  const Result<std::string> text = encode_tag(tag);
  CHECK(!text.ok() && text.failure().code == EINVAL);
  CHECK(text.failure().what == std::string("write a tag: ") + field);
}

void test_refusals() {
  const std::string longer(kMaxTagText + 1, 'c');
  for (const char* id :
       {"", "no boot", "6A7b8c9d-0123-4567-89ab-cdef01234567", "6a7b8c9d00123-4567-89ab-cdef01234567"})
    check_refused("bootId", [id](Tag& tag) { tag.boot_id = id; });
  for (const pid_t pid : {0, -75950}) check_refused("root.pid", [pid](Tag& tag) { tag.root.pid = pid; });
  check_refused("root.startTime", [](Tag& tag) { tag.root.start_time = std::uint64_t{1} << 53; });
  check_refused("logindSession", [&](Tag& tag) { tag.logind_session = longer; });
  check_refused("closedAt", [](Tag& tag) { tag.closed_at_ms = -1; });
  check_refused("closedUptime", [](Tag& tag) { tag.closed_uptime_ms = std::int64_t{1} << 53; });
  for (const std::string& product : {std::string(), std::string("VS Code"), longer})
    check_refused("product", [&](Tag& tag) { tag.product = product; });
  check_refused("remoteHost", [&](Tag& tag) { tag.remote_host = longer; });
}

}  // namespace

int main() {
  test_format();
  test_any_text_is_printable();
  test_refusals();
  return report("tag");
}
