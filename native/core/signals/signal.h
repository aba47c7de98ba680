// A process's identity and what may be done to it: pin, verify, signal, and wait for its death.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/proc/process.h"

namespace reaper {

enum class SignalOutcome { kSent, kGone, kRecycled, kForeign, kDenied };

struct SignalResult {
  SignalOutcome outcome;
  bool weak = false;  // nothing held the process between the check of its identity and the signal
};

// Sends signo to the process, only if it still has this start time, all four of its uids are `uid`, and its
// login uid, where it has one and one is expected, is that one. kForeign: alive, but another uid or login. A
// zombie whose threads have all ended is kGone.
SignalResult signal_process(const std::string& proc_root, const ProcId& id, uid_t uid, int signo,
                            std::optional<std::uint32_t> login_uid = std::nullopt);

// Waits until every process is dead or timeout_ms has passed; the survivors.
std::vector<ProcId> wait_gone(const std::string& proc_root, std::vector<ProcId> ids, int timeout_ms);

}  // namespace reaper
