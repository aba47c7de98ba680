#include "core/killable/argv.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "core/proc/parse.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

int read_cmdline(const char* path, const MemoryFile& file, char* to, HelperAnswer* answer) {
  const int fd = open_in_helper(path);
  if (fd < 0) return errno;
  ssize_t got = 0;
  // Once: the kernel fills the room as far as it has something (get_mm_cmdline), and a second read for the
  // end would cost a sixth of the time.
  do got = read(fd, to, file.most);
  while (got < 0 && errno == EINTR);
  const int error = got < 0 ? errno : 0;
  close(fd);
  if (error != 0) return error;
  answer->length = static_cast<std::uint32_t>(got);
  const auto ends = static_cast<std::uint64_t>(std::count(to, to + got, '\0'));
  answer->cost = answer->length + kArgvElementBytes * ends;
  return 0;
}

// One byte more than is kept tells that there was more.
constexpr MemoryFile kCmdline{"cmdline",    kArgvBytes + 1, kArgvUserBudget,
                              read_cmdline, nullptr,        "read command lines"};

ArgvResult result_of(int error, std::string_view text) {
  ArgvResult result;
  if (error != 0) {
    result.status = is_gone(error) ? ArgvStatus::kGone : ArgvStatus::kDenied;
    result.over_budget = error == EDQUOT;
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

ArgvReader::ArgvReader(int proc_fd, int timeout_ms, int budget_ms, Owners owners)
    : reader_(kCmdline, proc_fd, timeout_ms, budget_ms, std::move(owners)) {}

std::vector<ArgvResult> ArgvReader::read(const std::vector<ArgvRequest>& requests,
                                         std::vector<Fault>* faults) {
  std::vector<ArgvResult> results(requests.size());
  const auto on_answer = [&results](std::size_t i, int error, std::string_view text) {
    results[i] = result_of(error, text);
  };
  reader_.read(requests, on_answer, faults);
  return results;
}

}  // namespace reaper
