#include "hook/path_pattern.h"

#include <algorithm>
#include <cstddef>

namespace reaper {
namespace {

constexpr std::string_view kCommit = "{commit}";
constexpr std::size_t kCommitLength = 40;
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

bool is_commit_at(std::string_view name, std::size_t at) {
  if (name.size() < kCommitLength || at > name.size() - kCommitLength) return false;
  const std::string_view commit = name.substr(at, kCommitLength);
  return std::all_of(commit.begin(), commit.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

Components components_of(std::string_view path) {
  Components parts;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    if (slash > at) parts.push_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return parts;
}

bool fits_name(std::string_view name, std::string_view pattern) {
  if (name.empty() || pattern.empty()) return name == pattern;
  // Most names differ in their first or last character already.
  const char first = pattern.front();
  if (first != '*' && first != '{' && first != name.front()) return false;
  const char last = pattern.back();
  if (last != '*' && last != '}' && last != name.back()) return false;
  // Every atom but the star has one length, so going back to the last star alone is enough.
  std::size_t at = 0;
  std::size_t wanted = 0;
  std::size_t starred = kNone;
  std::size_t retry = 0;
  while (at < name.size() || wanted < pattern.size()) {
    if (wanted < pattern.size() && pattern[wanted] == '*') {
      starred = ++wanted;
      retry = ++at;
      if (at > name.size()) return false;
      continue;
    }
    const bool commit = pattern.substr(wanted, kCommit.size()) == kCommit;
    const bool fits = wanted < pattern.size() &&
                      (commit ? is_commit_at(name, at) : at < name.size() && name[at] == pattern[wanted]);
    if (fits) {
      at += commit ? kCommitLength : 1;
      wanted += commit ? kCommit.size() : 1;
    } else if (starred != kNone && retry < name.size()) {
      at = ++retry;
      wanted = starred;
    } else {
      return false;
    }
  }
  return true;
}

bool fits_at(const Components& parts, std::size_t at, const Components& pattern) {
  if (pattern.size() > parts.size() || at > parts.size() - pattern.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i)
    if (!fits_name(parts[at + i], pattern[i])) return false;
  return true;
}

bool fits_end(const Components& parts, const Components& pattern) {
  const auto gap = std::find(pattern.begin(), pattern.end(), "**");
  const Components before(pattern.begin(), gap);
  const Components after(gap == pattern.end() ? gap : gap + 1, pattern.end());
  if (gap == pattern.end())
    return parts.size() >= before.size() && fits_at(parts, parts.size() - before.size(), before);
  if (parts.size() < after.size()) return false;
  const std::size_t end = parts.size() - after.size();
  if (!fits_at(parts, end, after)) return false;
  for (std::size_t at = 0; at + before.size() < end; ++at)
    if (fits_at(parts, at, before)) return true;
  return false;
}

}  // namespace reaper
