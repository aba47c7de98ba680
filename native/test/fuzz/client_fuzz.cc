// PAM's environment, which a user may have written: one variable per line of the input. What the hook keeps
// of it is short, printable ASCII.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hook/session.h"
#include "hook/tag.h"

namespace {

void check(const std::optional<std::string>& text) {
  if (!text) return;
  if (text->size() > reaper::hook::kMaxTagText) __builtin_trap();
  for (const char c : *text)
    if (c < ' ' || c > '~') __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> lines(1);
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == '\n')
      lines.emplace_back();
    else
      lines.back() += static_cast<char>(data[i]);
  }
  std::vector<const char*> environment;
  environment.reserve(lines.size() + 1);
  for (const std::string& line : lines) environment.push_back(line.c_str());
  environment.push_back(nullptr);
  const reaper::hook::ClientText client = reaper::hook::read_client_text(environment.data());
  check(client.remote_host);
  check(client.logind_session);
  return 0;
}
