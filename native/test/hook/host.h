// A built host of the hook: this process's own files, a tag directory and a login.defs.
#pragma once

#include <sys/stat.h>

#include <iterator>

#include "hook/close.h"
#include "hook/tag_store.h"
#include "test/check.h"
#include "test/proc_fixture.h"

namespace reaper::hook {

namespace fs = std::filesystem;

inline constexpr const char* kUnset = "4294967295";
inline constexpr uid_t kStranger = 4321;

struct Host {
  ProcFixture proc;
  Places places;
  std::string tags = proc.root() + "/run/tags";

  Host() {
    places.proc_root = proc.root();
    places.tag_directory = tags;
    places.login_defs = proc.root() + "/login.defs";
    places.owner = geteuid();
    write_file(places.login_defs, "UID_MIN 1000\n");
    fs::permissions(proc.root(), fs::perms::owner_all);
    set_self("1234", "7", "0::/user.slice/user-1234.slice/session-42.scope\n");
  }

  void set_self(const std::string& login_uid, const std::string& audit_session,
                const std::string& cgroup) const {
    write_file(proc.root() + "/self/loginuid", login_uid);
    write_file(proc.root() + "/self/sessionid", audit_session);
    write_file(proc.root() + "/self/cgroup", cgroup);
  }
  Result<Session> identify(const ClientText& text = {}) const {
    Result<ProcDir> opened = ProcDir::open(places.proc_root);
    return reaper::hook::identify(opened.value(), text);
  }
  std::string in_tags(const std::string& name) const { return tags + "/" + name; }
  std::size_t files() const {
    const fs::directory_iterator first(tags);
    return static_cast<std::size_t>(std::distance(begin(first), end(first)));
  }
  int write(const Tag& tag) const { return write_in(tags, tag); }
  int write_in(const std::string& folder, const Tag& tag) const {
    const Result<bool> result = write_tag(folder, places.owner, tag);
    return result.ok() ? 0 : result.failure().code;
  }
};

inline std::string read_whole(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

inline Tag example(uid_t uid = 1001) {
  Tag tag;
  tag.boot_id = "6a7b8c9d-0123-4567-89ab-cdef01234567";
  tag.uid = uid;
  tag.audit_session = 42;
  tag.logind_session = "c1";
  tag.closed_at_ms = 1'714'000'000'000;
  tag.closed_uptime_ms = 987'654'321;
  tag.remote_host = "login.example.org";
  return tag;
}

inline std::size_t open_files() {
  const fs::directory_iterator first("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(first), end(first)));
}

}  // namespace reaper::hook
