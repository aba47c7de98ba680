#include "hook/session.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "core/proc/parse.h"
#include "hook/tag.h"

namespace reaper::hook {
namespace {

constexpr uid_t kDefaultUidMin = 1000;  // login.defs(5)

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool is_alphanumeric(std::string_view text) {
  for (const char c : text) {
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) return false;
  }
  return !text.empty() && text.size() <= kMaxTagText;
}

// Answers the text between the two affixes, or an empty one.
std::string_view between(std::string_view text, std::string_view prefix, std::string_view suffix) {
  if (text.size() <= prefix.size() + suffix.size() || !starts_with(text, prefix)) return {};
  text.remove_prefix(prefix.size());
  if (text.substr(text.size() - suffix.size()) != suffix) return {};
  text.remove_suffix(suffix.size());
  return text;
}

struct Place {
  std::optional<uid_t> uid;
  std::optional<std::string> session;  // of session-ID.scope
};

// Finds the first user-UID.slice on the way down. Guard: the user may name what lies below it.
Place place_of(std::string_view path) {
  Place place;
  while (!path.empty()) {
    const std::string_view component = take_word(path, '/');
    if (component == "..") return {};  // another cgroup namespace: the path does not start at the mount
    if (!place.uid) {
      place.uid = parse_id(between(component, "user-", ".slice"));
    } else if (!place.session) {
      const std::string_view id = between(component, "session-", ".scope");
      if (is_alphanumeric(id)) place.session = std::string(id);
    }
  }
  return place;
}

// Reads an audit id; empty when it is unset or when the kernel has no audit.
Result<std::optional<std::uint32_t>> read_audit_id(ProcDir& proc, const char* path) {
  std::string_view text;
  const int error = proc.read(proc.fd(), path, &text);
  if (error == ENOENT) return std::optional<std::uint32_t>{};
  if (error != 0) return Failure{error, path};
  std::optional<std::uint32_t> id = parse_id(text);
  if (!id) return Failure{EBADMSG, path};
  if (*id == kUnsetId) id.reset();
  return id;
}

Result<std::vector<Place>> read_places(ProcDir& proc) {
  std::string_view text;
  const int error = proc.read(proc.fd(), "self/cgroup", &text);
  if (error != 0) return Failure{error, "self/cgroup"};
  const std::optional<std::vector<std::string>> paths = parse_cgroups(text);
  if (!paths) return Failure{EBADMSG, "self/cgroup"};
  std::vector<Place> places;
  for (const std::string& path : *paths) {
    Place place = place_of(path);
    if (place.uid) places.push_back(std::move(place));
  }
  return places;
}

}  // namespace

ClientText read_client_text(const char* const* environment) {
  ClientText text;
  constexpr std::string_view kHost = "PAM_RHOST=";
  constexpr std::string_view kSession = "XDG_SESSION_ID=";
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    if (starts_with(entry, kHost)) {
      text.remote_host = std::string(entry.substr(kHost.size(), kMaxTagText));
      for (char& c : *text.remote_host) {
        if (c < ' ' || c > '~') c = '?';
      }
    } else if (starts_with(entry, kSession)) {
      const std::string_view id = entry.substr(kSession.size());
      text.logind_session.reset();
      if (is_alphanumeric(id)) text.logind_session = std::string(id);
    }
  }
  return text;
}

Result<Session> identify(ProcDir& proc, const ClientText& text) {
  const Result<std::optional<std::uint32_t>> login_uid = read_audit_id(proc, "self/loginuid");
  if (!login_uid) return login_uid.failure();
  const Result<std::optional<std::uint32_t>> audit_session = read_audit_id(proc, "self/sessionid");
  if (!audit_session) return audit_session.failure();
  const Result<std::vector<Place>> places = read_places(proc);
  if (!places) return places.failure();

  Session session;
  if (login_uid.value()) {
    session.uid = *login_uid.value();
  } else if (!places.value().empty()) {
    session.uid = *places.value().front().uid;
  } else {
    return Failure{ESRCH, "neither a login uid nor a user slice"};
  }
  session.audit_session = audit_session.value();
  session.remote_host = text.remote_host;
  for (const Place& place : places.value()) {
    // Another user's slice: somebody started this sshd by hand from that user's shell.
    if (place.uid != session.uid) continue;
    if (!session.logind_session) session.logind_session = place.session;
  }
  if (!session.logind_session) session.logind_session = text.logind_session;
  return session;
}

uid_t read_uid_min(ProcDir& reader, const std::string& login_defs) {
  uid_t uid_min = kDefaultUidMin;
  std::string_view text;
  if (reader.read(AT_FDCWD, login_defs.c_str(), &text) != 0) return uid_min;
  while (!text.empty()) {
    std::string_view line = take_word(text, '\n');
    constexpr std::string_view kBlanks = " \t";
    constexpr std::string_view kKey = "UID_MIN";
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    if (!starts_with(line, kKey)) continue;
    line.remove_prefix(kKey.size());
    const std::size_t start = line.find_first_not_of(kBlanks);
    if (start == 0 || start == std::string_view::npos) continue;  // a longer word, or no value
    const std::size_t end = std::min(line.find_first_of(kBlanks, start), line.size());
    if (const auto value = parse_id(line.substr(start, end - start))) uid_min = *value;
  }
  return uid_min;
}

}  // namespace reaper::hook
