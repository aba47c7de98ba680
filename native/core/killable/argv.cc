#include "core/killable/argv.h"

#include <string_view>
#include <utility>

#include "core/proc/parse.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

// One byte more than is kept tells that there was more.
constexpr MemoryFile kCmdline{"cmdline", kArgvBytes + 1, read_bytes, nullptr, "read command lines"};

ArgvResult result_of(int error, std::string_view text) {
  ArgvResult result;
  if (error != 0) {
    result.status = is_gone(error) ? ArgvStatus::kGone : ArgvStatus::kDenied;
    return result;
  }
  result.status = text.empty() ? ArgvStatus::kEmpty : ArgvStatus::kRead;
  result.truncated = text.size() > kArgvBytes;
  // An argument that is cut may be the start of another one: only whole ones are kept.
  if (result.truncated) text = text.substr(0, text.substr(0, kArgvBytes).rfind('\0') + 1);
  result.argv = split_argv(text);
  if (result.argv.size() > kArgvElements) {
    result.argv.resize(kArgvElements);
    result.truncated = true;
  }
  return result;
}

}  // namespace

ArgvReader::ArgvReader(int proc_fd, int timeout_ms, int budget_ms)
    : reader_(kCmdline, proc_fd, timeout_ms, budget_ms) {}

std::vector<ArgvResult> ArgvReader::read(const std::vector<ArgvRequest>& requests, std::vector<Fault>* faults,
                                         std::function<void()> meanwhile) {
  std::vector<ArgvResult> results(requests.size());
  const auto take = [&results](std::size_t i, int error, std::string_view text) {
    results[i] = result_of(error, text);
  };
  reader_.read(requests, take, faults, std::move(meanwhile));
  return results;
}

}  // namespace reaper
