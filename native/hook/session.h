// Identifies the user whose session closes. Guard: asks the kernel alone, for that user can forge PAM's
// environment.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/proc/proc_dir.h"

namespace reaper::hook {

// Text of the environment that is harmless to log; it decides nothing.
struct ClientText {
  std::optional<std::string> remote_host;
  std::optional<std::string> logind_session;
};

// Reads PAM_RHOST and XDG_SESSION_ID, the last of each, because PAM appends its own items to what a user may
// have put there (pam_exec.c, measured). The result is bounded and printable ASCII.
ClientText read_client_text(const char* const* environment);

struct Session {
  uid_t uid = 0;
  std::optional<std::uint32_t> audit_session;
  std::optional<std::string> logind_session;
  std::optional<std::string> remote_host;
};

// Identifies the user by /proc/self/loginuid, else by the user-UID.slice of this process's own cgroup (ESRCH
// with neither). Failures of /proc name the file.
Result<Session> identify(ProcDir& proc, const ClientText& text);

// Reads UID_MIN of a login.defs(5); 1000 when the file has none or cannot be read.
uid_t read_uid_min(ProcDir& reader, const std::string& login_defs);

}  // namespace reaper::hook
