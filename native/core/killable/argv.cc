#include "core/killable/argv.h"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "core/proc/parse.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

int read_cmdline(const char* path, const MemoryFile& file, char* to, HelperAnswer* answer) {
  std::size_t size = 0;
  if (const int error = read_in_helper(path, file.most, to, file.most, &size)) return error;
  answer->length = static_cast<std::uint32_t>(size);
  answer->cost = size + kArgvElementBytes * static_cast<std::uint64_t>(std::count(to, to + size, '\0'));
  return 0;
}

ArgvResult result_of(int error, std::string_view text) {
  ArgvResult result;
  result.error = error;
  if (error != 0) {
    result.status = is_gone(error) ? ArgvStatus::kGone : ArgvStatus::kDenied;
    return result;
  }
  result.status = text.empty() ? ArgvStatus::kEmpty : ArgvStatus::kRead;
  result.truncated = text.size() > kArgvBytes;
  // A cut argument may be the start of another one: only whole ones are kept.
  if (result.truncated) text = text.substr(0, text.substr(0, kArgvBytes).rfind('\0') + 1);
  result.argv = split_argv(text);
  if (result.argv.size() > kArgvElements) {
    result.argv.resize(kArgvElements);
    result.truncated = true;
  }
  return result;
}

}  // namespace

// One byte more than is kept shows that there was more.
const MemoryFile kCmdline{"read command lines", kArgvBytes + 1, kArgvUserBudget, read_cmdline};

std::vector<ArgvResult> read_argv(MemoryReader& reader, const std::vector<ArgvRequest>& requests,
                                  std::vector<Fault>* faults) {
  std::vector<ArgvResult> results(requests.size());
  std::vector<MemoryRequest> files;
  for (const auto& [pid, account] : requests) files.push_back({std::to_string(pid) + "/cmdline", account});
  reader.read(
      files, [&](std::size_t i, int error, std::string_view text) { results[i] = result_of(error, text); },
      faults);
  return results;
}

}  // namespace reaper
