// Which user's session is closing, from the kernel alone: PAM's environment can be forged by that user.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/proc/proc_dir.h"

namespace reaper::hook {

// Text of the environment that is fit to be written down; it decides nothing.
struct ClientText {
  std::optional<std::string> remote_host;
  std::optional<std::string> logind_session;
};

// Takes PAM_RHOST and XDG_SESSION_ID, the last of each: PAM's own items follow what a user may have put there
// (pam_exec.c, measured). Bounded, and printable ASCII only.
ClientText read_client_text(const char* const* environment);

struct Session {
  uid_t uid = 0;
  std::optional<std::uint32_t> audit_session;
  std::optional<std::string> logind_session;
  std::optional<std::string> remote_host;
  // Where the user's slice may be mounted, in the order to try; empty when this process runs outside it.
  std::vector<std::string> slices;
};

// Who this process closes the session of: /proc/self/loginuid, else the user-UID.slice of its own cgroup
// (ESRCH with neither). Failures of /proc name the file.
Result<Session> identify(ProcDir& proc, const std::string& cgroup_root, const ClientText& text);

// UID_MIN of a login.defs(5), or 1000 when the file has none or cannot be read.
uid_t read_uid_min(ProcDir& reader, const std::string& login_defs);

}  // namespace reaper::hook
